import { createHash } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { GitObject, Mirror } from '@plumbline/git';
import type { Faults } from '../faults.ts';

/** Path → content. */
export type Files = Readonly<Record<string, string>>;

type Stored = GitObject & { files?: Files; tree?: string };

/** A Git repository somewhere else, with one branch that can be rewritten. */
export class RemoteRepository {
  readonly url: string;
  isAway = false;
  head = '';
  readonly objects = new Map<string, Stored>();
  #number = 0;

  constructor(url: string) {
    this.url = url;
  }

  /** A new commit on the branch; Git does not tell whether that was forced. */
  commit(files: Files): string {
    const tree = this.#tree(files);
    const when = 1_700_000_000 + ++this.#number;
    const bytes = Buffer.from(
      `tree ${tree}\nauthor Somebody <s@example.org> ${when} +0000\ncommitter Somebody <s@example.org> ${when} +0000\n\nchange ${this.#number}\n`,
    );
    this.head = this.#store('commit', bytes, { files, tree });
    return this.head;
  }

  filesAt(commit: string): Files {
    return this.objects.get(commit)?.files ?? {};
  }

  #tree(files: Files): string {
    const below = new Map<string, Record<string, string>>();
    const entries: { mode: string; name: string; id: string }[] = [];
    for (const [path, content] of Object.entries(files)) {
      const slash = path.indexOf('/');
      if (slash < 0) entries.push({ mode: '100644', name: path, id: this.#store('blob', Buffer.from(content)) });
      else below.set(path.slice(0, slash), { ...below.get(path.slice(0, slash)), [path.slice(slash + 1)]: content });
    }
    for (const [name, content] of below) entries.push({ mode: '40000', name, id: this.#tree(content) });
    const sorted = entries.sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
    return this.#store('tree', Buffer.concat(sorted.flatMap(({ mode, name, id }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])));
  }

  #store(type: GitObject['type'], bytes: Buffer, extra: { files?: Files; tree?: string } = {}): string {
    const id = createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');
    this.objects.set(id, { id, type, bytes, ...extra });
    return id;
  }
}

/** Git sorts folders as if their names ended in a slash. */
const sortName = ({ mode, name }: { mode: string; name: string }): string => (mode === '40000' ? `${name}/` : name);

/** Every object below a tree, the tree first. */
function reachable(objects: ReadonlyMap<string, Stored>, tree: string): Stored[] {
  const root = objects.get(tree);
  if (root === undefined) throw new AppError('not-found', `object ${tree} is not in the mirror`);
  const found = [root];
  for (let at = 0; root.type === 'tree' && at < root.bytes.length;) {
    const end = root.bytes.indexOf(0, at) + 21;
    const id = root.bytes.toString('hex', end - 20, end);
    const child = objects.get(id)!;
    found.push(...(child.type === 'tree' ? reachable(objects, id) : [child]));
    at = end;
  }
  return found;
}

const branch = 'refs/heads/main';

/** A bare mirror: what was fetched stays, whatever becomes of the process and of the remote. */
export class MirrorOnDisk {
  readonly #objects = new Map<string, Stored>();

  open(remote: RemoteRepository, faults: Faults): Mirror {
    const objects = this.#objects;
    const away = (): AppError => new AppError('repository-unreachable', `${remote.url} does not answer (simulated)`, { retry: 'later' });
    const ask = <T>(label: string, effect: () => T): Promise<T> =>
      faults.call('git', label, away, () => {
        if (remote.isAway) throw away();
        return effect();
      });
    const need = (id: string): Stored => {
      const object = objects.get(id);
      if (object === undefined) throw new AppError('not-found', `object ${id} is not in the mirror`);
      return object;
    };
    return {
      dir: '/',
      lsRemote: () => ask('ls-remote', () => ({ refs: new Map([[branch, remote.head]]), head: branch })),
      fetch: (wanted) =>
        ask('fetch', () => {
          const found = new Map<string, string>();
          for (const name of wanted) found.set(name, fetchOne(remote, name, objects));
          return found;
        }),
      has: (id) => Promise.resolve(objects.has(id)),
      commit: async (id) => ({ id, tree: need(id).tree ?? '', author: 'Somebody', date: '2026-01-01T00:00:00Z', message: 'change' }),
      newObjects: async (tree, base) => {
        const old = new Set(base === undefined || !objects.has(base) ? [] : reachable(objects, base).map(({ id }) => id));
        const isNew = new Map(reachable(objects, tree).map((object) => [object.id, object]));
        return [...isNew.values()]
          .filter(({ id }) => !old.has(id))
          .map(({ id, type, bytes }) => ({ id, type: type as 'blob' | 'tree', sizeBytes: bytes.length }));
      },
      async *readObjects(ids) {
        for (const id of ids) yield need(id);
      },
      close: () => Promise.resolve(),
    };
  }
}

function fetchOne(remote: RemoteRepository, name: string, objects: Map<string, Stored>): string {
  const commit = name === branch || name === 'HEAD' ? remote.head : name;
  const object = remote.objects.get(commit);
  if (object?.tree === undefined) throw new AppError('revision-not-found', `${remote.url} has no ${name}`);
  objects.set(commit, object);
  for (const below of reachable(remote.objects, object.tree)) objects.set(below.id, below);
  return commit;
}
