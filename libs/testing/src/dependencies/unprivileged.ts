import { chown, lstat, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readIfThere, writeState } from '../state-files.ts';

export interface User {
  uid: number;
  gid: number;
}

export interface Place {
  /** Directory that the program may use: ours, and the user's when there is one. */
  dir: string;
  /** Whom to run as. Absent: as ourselves. */
  user?: User;
}

/** File in the state directory that says where the data lies instead. */
const elsewhereFile = 'elsewhere';

/**
 * Where a server that refuses to run as root may keep its data, and as whom it runs. Not root: the state directory, as
 * ourselves. Root: as the user `postgres` or `nobody`, in the state directory when that user can get there; otherwise
 * in a directory of its own under /var/tmp, noted in the state directory.
 */
export async function placeFor(stateDir: string): Promise<Place> {
  if (process.getuid?.() !== 0) return { dir: stateDir };
  const user = await unprivilegedUser();
  if (await canReach(user, stateDir)) return { dir: stateDir, user };
  const note = join(stateDir, elsewhereFile);
  const noted = (await readIfThere(note))?.trim();
  if (noted !== undefined && (await isOwnedBy(noted, user))) return { dir: noted, user };
  const dir = await mkdtemp(join((await stat('/var/tmp').catch(() => undefined)) === undefined ? tmpdir() : '/var/tmp', 'plumbline-'));
  await chown(dir, user.uid, user.gid);
  await writeState(note, `${dir}\n`);
  return { dir, user };
}

/** Removes the directory that `placeFor` made outside the state directory, if it made one. */
export async function removePlaceElsewhere(stateDir: string): Promise<void> {
  const noted = (await readIfThere(join(stateDir, elsewhereFile)))?.trim();
  if (noted !== undefined && /\/plumbline-[^/]+$/.test(noted)) await rm(noted, { recursive: true, force: true });
}

/** Whether the user may pass through every directory on the way to `path` (mode bits only). */
export async function canReach(user: User | undefined, path: string): Promise<boolean> {
  if (user === undefined) return true;
  for (let dir = resolve(path); ; dir = dirname(dir)) {
    const { mode, uid, gid } = await stat(dir);
    const execute = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & execute) === 0) return false;
    if (dir === dirname(dir)) return true;
  }
}

async function unprivilegedUser(): Promise<User> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  const found = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody');
  return { uid: Number(found?.[2] ?? 65_534), gid: Number(found?.[3] ?? 65_534) };
}

/** Not a link, and nobody else's: others may write next to it. */
async function isOwnedBy(path: string, user: User): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === user.uid && (found.mode & 0o077) === 0;
}
