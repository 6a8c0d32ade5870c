import { execFile } from 'node:child_process';
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHttpRemote, type HttpRemote } from '../fixture/http-remote.ts';
import { parseLsRemote } from './ls-remote.ts';
import { openMirror } from './mirror.ts';
import type { Mirror } from './port.ts';

const main = 'refs/heads/main';

describe('a remote that is talked to without a git process', () => {
  let remote: HttpRemote;
  let dir: string;
  let mirror: Mirror;
  /** Who asked since the last time: `git` for the program, `plumbline` for ourselves. */
  const asked = (): string[] =>
    remote.requests.splice(0).map(({ agent, method, path }) => `${/plumbline/.test(agent) ? 'plumbline' : 'git'} ${method} ${path.replace('/demo.git/', '')}`);
  const gitIn = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', args, { env: { PATH: process.env['PATH'] ?? '', GIT_DIR: mirror.dir } })).stdout.trim();
  const text = async (commit: string, path: string): Promise<string> => {
    const id = await remote.git('rev-parse', `${commit}:${path}`);
    for await (const object of mirror.readObjects([id])) return object.bytes.toString('utf8');
    return '';
  };

  beforeEach(async () => {
    remote = await startHttpRemote();
    dir = await mkdtemp(join(tmpdir(), 'plumbline-direct-'));
    mirror = await openMirror({ dir: join(dir, 'm'), url: remote.url, fetchesBetweenMaintenance: 4 });
    const first = await remote.push({ 'a.yaml': 'a', 'big.txt': lines(0) });
    expect(await mirror.fetch([main])).toEqual(new Map([[main, first]]));
    asked();
  });
  afterEach(async () => {
    await mirror.close();
    await remote.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('has a commit that follows a known one brought in two requests', async () => {
    const second = await remote.push({ 'big.txt': lines(1) });
    expect(await mirror.fetch([main])).toEqual(new Map([[main, second]]));
    expect(asked()).toEqual(['plumbline GET info/refs?service=git-upload-pack', 'plumbline POST git-upload-pack', 'plumbline POST git-upload-pack']);
    expect(await text(second, 'big.txt')).toBe(lines(1));
    const third = await remote.push({ 'a.yaml': 'b' });
    expect(await mirror.fetch([main, 'HEAD'])).toEqual(
      new Map([
        [main, third],
        ['HEAD', third],
      ]),
    );
    expect(asked()).toEqual(['plumbline POST git-upload-pack', 'plumbline POST git-upload-pack']);
    // Nothing moved: nothing but the list is asked for.
    await mirror.fetch([main]);
    expect(asked()).toEqual(['plumbline POST git-upload-pack']);
    expect(await text(third, 'big.txt')).toBe(lines(1));
  });

  it('leaves a repository that git finds in order, also after it was packed anew', async () => {
    const commits: string[] = [];
    for (let n = 1; n <= 5; n++) {
      commits.push(await remote.push({ 'big.txt': lines(n) }));
      await mirror.fetch([main]);
    }
    expect(asked().filter((request) => request.startsWith('git '))).toEqual([]);
    expect(await gitIn('fsck', '--full', '--strict')).not.toMatch(/missing|broken|error/);
    expect((await readFile(join(mirror.dir, 'shallow'), 'utf8')).split('\n')).toContain(commits.at(-1));
    // The third of these was the fourth fetch: what the fourth and fifth need was kept, what the first had is gone.
    expect(await mirror.has(commits[2]!)).toBe(true);
    expect(await mirror.has(commits[0]!)).toBe(false);
    expect(await text(commits.at(-1)!, 'big.txt')).toBe(lines(5));
    expect(await gitIn('rev-list', '--all')).toBe(commits[2]);
  });

  it('brings many objects at once as well', async () => {
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`d${n % 7}/f${n}.yaml`, `n: ${n}`]));
    const commit = await remote.push(files);
    await mirror.fetch([main]);
    expect(asked().filter((request) => request.startsWith('git '))).toEqual([]);
    expect(await text(commit, 'd6/f6.yaml')).toBe('n: 6');
    expect((await mirror.newObjects((await mirror.commit(commit)).tree)).filter(({ type }) => type === 'blob')).toHaveLength(302);
  });

  it('is listed as git lists it', async () => {
    await remote.push({ x: '1' }, { branch: 'topic' });
    await remote.git('tag', '-a', 'v1.0.0', '-m', 'One');
    await remote.git('tag', 'light');
    await remote.git('push', '-q', 'origin', 'v1.0.0', 'light');
    const listed = await mirror.lsRemote();
    expect(asked().every((request) => request.startsWith('plumbline '))).toBe(true);
    const byGit = parseLsRemote(await gitIn('ls-remote', '--symref', remote.url));
    expect([...listed.refs]).toEqual([...byGit.refs]);
    expect(listed.head).toBe(byGit.head);
  });

  it('is left to git for an annotated tag, for what is not there, and for an id', async () => {
    await remote.git('tag', '-a', 'v1.0.0', '-m', 'One');
    await remote.git('push', '-q', 'origin', 'v1.0.0');
    const [head] = (await mirror.fetch([main])).values();
    asked();
    expect(await mirror.fetch(['refs/tags/v1.0.0'])).toEqual(new Map([['refs/tags/v1.0.0', head]]));
    await expect(mirror.fetch(['refs/heads/absent'])).rejects.toMatchObject({ code: 'revision-not-found' });
    expect(await mirror.fetch([head!])).toEqual(new Map([[head, head]]));
    expect(asked().filter((request) => request.startsWith('git ')).length).toBeGreaterThan(3);
  });

  it('is left to git when it is old, for a while without trying', async () => {
    remote.beOld();
    const second = await remote.push({ 'a.yaml': 'b' });
    expect(await mirror.fetch([main])).toEqual(new Map([[main, second]]));
    const [first, ...others] = asked();
    expect(first).toMatch(/^plumbline /);
    expect(others.length).toBeGreaterThan(1);
    expect(others.filter((request) => request.startsWith('plumbline '))).toEqual([]);
    await mirror.lsRemote();
    expect(asked().filter((request) => request.startsWith('plumbline '))).toEqual([]);
  });

  it('gives no credentials to where it redirects', async () => {
    const other = await startHttpRemote();
    remote.redirect(new URL(other.url).origin);
    const careful = await openMirror({ dir: join(dir, 'careful'), url: remote.url, credentials: () => ({ username: 'ada', password: 'secret' }) });
    await expect(careful.lsRemote()).rejects.toMatchObject({ code: 'repository-unreachable' });
    expect(other.requests).toEqual([]);
    expect(asked()[0]).toBe('plumbline GET info/refs?service=git-upload-pack');
    await careful.close();
    await other.close();
  });
});

/** Long enough that a change of one line travels as a difference to the version before. */
const lines = (n: number): string => Array.from({ length: 2_000 }, (_, line) => `line ${line} ${line === 1_000 ? n : 0}`).join('\n');
