import type { RemoteRefs } from './port.ts';

/**
 * Reads `git ls-remote --symref`: refs in the remote's order, annotated tags by the commit they point to (the line
 * `refs/tags/v1^{}` follows the tag's own).
 */
export function parseLsRemote(output: string): RemoteRefs {
  const refs = new Map<string, string>();
  let head: string | undefined;
  for (const line of output.split('\n')) {
    const symbolic = /^ref: (\S+)\tHEAD$/.exec(line);
    if (symbolic !== null) {
      head = symbolic[1];
      continue;
    }
    const match = /^([0-9a-f]{40})\t(\S+?)(?:\^\{\})?$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) refs.set(match[2], match[1]);
  }
  return head === undefined ? { refs } : { refs, head };
}
