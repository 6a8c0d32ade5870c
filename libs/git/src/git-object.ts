import { AppError } from '@plumbline/contracts';

/** An entry of one tree object. */
export interface TreeObjectEntry {
  mode: string;
  type: 'blob' | 'tree' | 'commit';
  name: string;
  id: string;
}

const idBytes = 20;

/** Parses a raw tree object: `mode SP name NUL id` over and over. Hostile input: every length is checked. */
export function parseTree(id: string, bytes: Buffer): TreeObjectEntry[] {
  const entries: TreeObjectEntry[] = [];
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const nul = bytes.indexOf(0, space + 1);
    const end = nul + 1 + idBytes;
    if (space < 0 || nul < 0 || end > bytes.length) throw new AppError('internal', `tree ${id} is damaged at byte ${at}`);
    const mode = bytes.toString('latin1', at, space);
    const type = mode === '40000' || mode === '040000' ? 'tree' : mode === '160000' ? 'commit' : 'blob';
    entries.push({ mode, type, name: bytes.toString('utf8', space + 1, nul), id: bytes.toString('hex', nul + 1, end) });
    at = end;
  }
  return entries;
}

export interface ParsedCommit {
  tree: string;
  /** `Name <address>`. */
  author: string;
  /** When it was written, RFC 3339, UTC. */
  date: string;
  /** First line of the message. */
  message: string;
}

export function parseCommit(id: string, bytes: Buffer): ParsedCommit {
  const text = bytes.toString('utf8');
  const split = text.indexOf('\n\n');
  const headers = (split < 0 ? text : text.slice(0, split)).split('\n');
  const header = (name: string): string | undefined => headers.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  const tree = header('tree');
  if (tree === undefined || !/^[0-9a-f]{40}$/.test(tree)) throw new AppError('internal', `commit ${id} has no tree`);
  const author = /^(.*?) ?(-?\d+) [+-]\d{4}$/.exec(header('author') ?? '');
  const seconds = Number(author?.[2] ?? 0);
  const date = new Date(Math.abs(seconds) < 8.64e12 ? seconds * 1000 : 0).toISOString();
  const message =
    split < 0
      ? ''
      : (
          text
            .slice(split + 2)
            .trimStart()
            .split('\n', 1)[0] ?? ''
        ).trim();
  return { tree, author: author?.[1] ?? header('author') ?? '', date, message };
}
