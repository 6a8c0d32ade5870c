import { createHash } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';

/** A full SHA-1 object id. */
export const isObjectId = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

/**
 * HEAD or the full name of a ref, by the rules of git-check-ref-format(1). Whatever passes can be an argument of git: it
 * can't be an option, a range, a pattern or a refspec of its own.
 */
export function isFullRefName(text: string): boolean {
  if (text === 'HEAD') return true;
  if (!text.startsWith('refs/') || text.length > limits.refNameCharsMax) return false;
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(text) || text.includes('..') || text.includes('@{') || text.endsWith('.')) return false;
  return text.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

/**
 * Where a mirror keeps what it fetched for `wanted`. Hashed, because the remote's own names can collide with one another
 * over time (a branch `a` that becomes `a/b`) and on disks that ignore case.
 */
export function mirrorRef(wanted: string): string {
  if (!isObjectId(wanted) && !isFullRefName(wanted)) {
    throw new AppError('invalid-argument', `${JSON.stringify(wanted.slice(0, 200))} is neither a full commit id nor the full name of a ref`);
  }
  return `refs/observed/${createHash('sha256').update(wanted).digest('hex').slice(0, 40)}`;
}
