import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttpRemote, type HttpRemote } from '../fixture/http-remote.ts';
import { openMirror } from './mirror.ts';
import type { GitObject, Mirror } from './port.ts';

const nothing = '0123456789012345678901234567890123456789';

async function read(mirror: Mirror, ids: readonly string[], sizeBytesMax?: number): Promise<Map<string, GitObject>> {
  const found = new Map<string, GitObject>();
  for await (const object of mirror.readObjects(ids, sizeBytesMax)) found.set(object.id, object);
  return found;
}

describe('a mirror of a remote over HTTP', () => {
  let remote: HttpRemote;
  let dir: string;
  let mirror: Mirror;

  beforeAll(async () => {
    remote = await startHttpRemote();
    dir = await mkdtemp(join(tmpdir(), 'plumbline-mirror-'));
    mirror = await openMirror({ dir: join(dir, 'm'), url: remote.url });
  });
  afterAll(async () => {
    await mirror.close();
    await remote.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('lists refs with annotated tags peeled and says which branch HEAD is', async () => {
    const commit = await remote.push({ 'a.yaml': 'a' });
    await remote.git('tag', '-a', 'v1.0.0', '-m', 'One');
    await remote.git('push', '-q', 'origin', 'v1.0.0');
    const { refs, head } = await mirror.lsRemote();
    expect(head).toBe('refs/heads/main');
    expect([...refs]).toEqual([
      ['HEAD', commit],
      ['refs/heads/main', commit],
      ['refs/tags/v1.0.0', commit],
    ]);
  });

  it('fetches by ref, by annotated tag and by id, and says what each leads to', async () => {
    const first = (await mirror.lsRemote()).refs.get('refs/heads/main')!;
    const second = await remote.push({ 'a.yaml': 'b' }, { message: 'Second\n\nand more' });
    expect(await mirror.fetch(['refs/heads/main', 'refs/tags/v1.0.0'])).toEqual(
      new Map([
        ['refs/heads/main', second],
        ['refs/tags/v1.0.0', first],
      ]),
    );
    expect(await mirror.fetch([first])).toEqual(new Map([[first, first]]));
    const commit = await mirror.commit(second);
    expect(commit).toMatchObject({ id: second, author: 'Ada <ada@example.org>', message: 'Second', tree: await remote.git('rev-parse', `${second}^{tree}`) });
    expect(Math.abs(Date.parse(commit.date) - Date.now())).toBeLessThan(600_000);
  });

  it('reads the bytes that git has, trees and blobs alike, and lists between two trees only what is new', async () => {
    const before = await remote.push({ 'apps/x/one.yaml': 'one', 'apps/y/two.yaml': 'two', 'top.bin': Buffer.from([0, 10, 255, 10, 0]) });
    const after = await remote.push({ 'apps/x/one.yaml': 'changed' });
    await mirror.fetch([before, 'refs/heads/main']);
    const [old, current] = [await mirror.commit(before), await mirror.commit(after)];

    const all = await mirror.newObjects(current.tree);
    const listed = (await remote.git('ls-tree', '-r', '-t', '--format=%(objectname)', after)).split('\n');
    expect(new Set(all.map((object) => object.id))).toEqual(new Set([...listed, current.tree]));

    const changed = await mirror.newObjects(current.tree, old.tree);
    const id = (path: string): Promise<string> => remote.git('rev-parse', `${after}:${path}`);
    expect(changed).toEqual([
      { id: current.tree, type: 'tree', sizeBytes: expect.any(Number) },
      { id: await id('apps'), type: 'tree', sizeBytes: expect.any(Number) },
      { id: await id('apps/x'), type: 'tree', sizeBytes: expect.any(Number) },
      { id: await id('apps/x/one.yaml'), type: 'blob', sizeBytes: 7 },
    ]);
    expect(await mirror.newObjects(current.tree, current.tree)).toEqual([]);

    const objects = await read(
      mirror,
      all.map((object) => object.id),
    );
    expect(objects.get(await id('top.bin'))?.bytes).toEqual(Buffer.from([0, 10, 255, 10, 0]));
    expect(objects.get(current.tree)?.bytes).toEqual(
      execFileSync('git', ['cat-file', 'tree', current.tree], { env: { PATH: process.env['PATH'] ?? '', GIT_DIR: mirror.dir } }),
    );
    expect(objects.size).toBe(all.length);
  });

  it('leaves out objects that are too big, and goes on', async () => {
    const commit = await remote.push({ big: 'x'.repeat(5000), small: 'y' });
    await mirror.fetch([commit]);
    const all = await mirror.newObjects((await mirror.commit(commit)).tree);
    const objects = await read(
      mirror,
      all.map((object) => object.id),
      4096,
    );
    expect(all.length - objects.size).toBe(1);
  });

  it('follows a force-push', async () => {
    const base = await remote.push({ 'a.yaml': 'base' });
    await remote.push({ 'a.yaml': 'doomed' });
    await mirror.fetch(['refs/heads/main']);
    await remote.git('reset', '-q', '--hard', base);
    const other = await remote.push({ 'a.yaml': 'rewritten' }, { force: true });
    expect((await mirror.fetch(['refs/heads/main'])).get('refs/heads/main')).toBe(other);
  });

  it('keeps a branch apart from one that takes its name as a directory', async () => {
    await remote.push({ x: '1' }, { branch: 'topic' });
    await mirror.fetch(['refs/heads/topic']);
    await remote.git('push', '-q', 'origin', ':refs/heads/topic');
    const below = await remote.push({ x: '2' }, { branch: 'topic-below' });
    await remote.git('push', '-q', 'origin', `${below}:refs/heads/topic/below`);
    expect((await mirror.fetch(['refs/heads/topic/below'])).get('refs/heads/topic/below')).toBe(below);
  });

  it('says that a ref or a commit does not exist', async () => {
    await expect(mirror.fetch(['refs/heads/absent'])).rejects.toMatchObject({ code: 'revision-not-found' });
    await expect(mirror.fetch([nothing])).rejects.toMatchObject({ code: 'revision-not-found' });
    await expect(mirror.commit(nothing)).rejects.toMatchObject({ code: 'revision-not-found' });
    expect(await mirror.has(nothing)).toBe(false);
  });

  it.each([
    '--upload-pack=touch /tmp/x',
    'main',
    'refs/heads/a b',
    'refs/heads/..',
    'refs/heads/a:refs/heads/b',
    '+refs/heads/main',
    'refs/heads/*',
    `${nothing}\n`,
    'refs/heads/x.lock',
  ])('never lets %j become an argument', async (name) => {
    await expect(mirror.fetch([name])).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('works again after a kill left locks and half a repository', async () => {
    const commit = await remote.push({ 'a.yaml': 'after the kill' });
    const half = join(dir, 'half');
    await (await openMirror({ dir: half, url: remote.url })).close();
    await writeFile(join(half, 'shallow.lock'), '');
    await writeFile(join(half, 'config.lock'), '');
    await rm(join(half, 'objects'), { recursive: true });
    const again = await openMirror({ dir: half, url: remote.url });
    await again.fetch([commit]);
    expect(await again.has(commit)).toBe(true);
    await again.close();
    expect((await readdir(half)).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  it('answers what was asked before it was closed with an error, not with silence', async () => {
    const short = await openMirror({ dir: join(dir, 'short'), url: remote.url });
    const pending = short.has(nothing);
    await short.close();
    await Promise.allSettled([pending]);
    await expect(short.lsRemote()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('credentials', () => {
  it('go to the remote, and into no argument, address, file or error', async () => {
    const remote = await startHttpRemote();
    const dir = await mkdtemp(join(tmpdir(), 'plumbline-mirror-'));
    const commit = await remote.push({ a: 'a' });
    remote.demand('ada:pass/word');
    let password = 'wrong-secret';
    const mirror = await openMirror({
      dir,
      url: remote.url.replace('http://', 'http://someone:in-the-url@'),
      credentials: () => ({ username: 'ada', password }),
    });
    const refused = await mirror.lsRemote().catch((error: Error) => error);
    expect(refused).toMatchObject({ code: 'repository-unreachable', retry: 'later' });
    expect(JSON.stringify(refused)).not.toMatch(/wrong-secret|in-the-url/);
    password = 'pass/word';
    expect((await mirror.fetch(['HEAD'])).get('HEAD')).toBe(commit);
    const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')));
    expect(files.length).toBeGreaterThan(3);
    expect(texts.filter((text) => /pass\/word|in-the-url/.test(text))).toEqual([]);
    await mirror.close();
    await remote.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('are not carried to where a redirect leads', async () => {
    const [remote, other] = [await startHttpRemote(), await startHttpRemote()];
    const dir = await mkdtemp(join(tmpdir(), 'plumbline-mirror-'));
    remote.redirect(new URL(other.url).origin);
    const mirror = await openMirror({ dir, url: remote.url, credentials: () => ({ username: 'ada', password: 'secret' }) });
    await expect(mirror.lsRemote()).rejects.toMatchObject({ code: 'repository-unreachable' });
    expect(other.requests).toEqual([]);
    await mirror.close();
    await Promise.all([remote.close(), other.close()]);
    await rm(dir, { recursive: true, force: true });
  });
});

describe('a remote that does not answer', () => {
  it('is unreachable, with git’s own reason and without user info', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'plumbline-mirror-'));
    const mirror = await openMirror({ dir, url: 'http://someone:in-the-url@127.0.0.1:1/demo.git' });
    await expect(mirror.lsRemote()).rejects.toMatchObject({
      code: 'repository-unreachable',
      retry: 'later',
      message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:1\/demo\.git can't be read: .*Failed to connect/),
    });
    await mirror.close();
    await rm(dir, { recursive: true, force: true });
  });

  it.each([
    'file:///etc',
    'ext::sh -c true',
    '--upload-pack=x',
    'http://-oProxyCommand=x/y',
    'ssh://-oProxyCommand=x/y',
    '-x@host:path',
    "http://h/p'q",
    'http://h/\nx',
  ])('is refused as %j before git sees it', async (url) => {
    await expect(openMirror({ dir: join(tmpdir(), 'never-made'), url })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
