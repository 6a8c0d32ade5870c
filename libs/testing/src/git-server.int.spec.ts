import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { request } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { GitServer } from './git-server.ts';
import { startGitServer } from './git-server.ts';
import { GitWorkspace, makeRepository } from './git-workspace.ts';
import { poll } from './processes/poll.ts';

interface PushBody {
  ref: string;
  before: string;
  after: string;
  created: boolean;
  repository: { name: string; clone_url: string; html_url: string; default_branch: string };
  commits: { id: string; added: string[]; modified: string[]; removed: string[] }[];
}

const secret = 'webhook-secret';
const deliveries: { event: unknown; signature: unknown; text: string; body: PushBody }[] = [];
let refusals = 0;
const receiver = createServer((incoming, outgoing) => {
  const pieces: Buffer[] = [];
  incoming.on('data', (piece: Buffer) => pieces.push(piece));
  incoming.on('end', () => {
    if (refusals > 0) {
      refusals--;
      outgoing.writeHead(503).end();
      return;
    }
    const text = Buffer.concat(pieces).toString();
    deliveries.push({
      event: incoming.headers['x-github-event'],
      signature: incoming.headers['x-hub-signature-256'],
      text,
      body: JSON.parse(text) as PushBody,
    });
    outgoing.writeHead(202).end();
  });
});

let dir: string;
let server: GitServer;
const workspaces: GitWorkspace[] = [];

async function repository(name: string, files: Record<string, string>, branch?: string): Promise<GitWorkspace> {
  const workspace = await makeRepository({ files, url: `${server.url}/${name}`, ...(branch !== undefined && { branch }) });
  workspaces.push(workspace);
  return workspace;
}

async function clone(name: string, ...args: string[]): Promise<GitWorkspace> {
  const target = new GitWorkspace(await mkdtemp(join(tmpdir(), 'plumbline-clone-')));
  workspaces.push(target);
  await target.git('clone', '--quiet', ...args, `${server.url}/${name}`, '.');
  return target;
}

// Equal commits of different repositories have equal ids when they are made in the same second.
const webhooksOf = (name: string, commit: string) => deliveries.filter(({ body }) => body.after === commit && body.repository.name === name);
const delivery = (name: string, commit: string) =>
  poll(async () => webhooksOf(name, commit)[0], { what: `the webhook for ${commit} of ${name}`, timeoutMs: 10_000 });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumbline-git-server-'));
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  server = await startGitServer({ dir, webhook: { url: `http://127.0.0.1:${port}/api/webhook`, secret } });
});

afterAll(async () => {
  await server.close();
  receiver.close();
  await Promise.all([...workspaces.map((workspace) => workspace.remove()), rm(dir, { recursive: true, force: true })]);
});

it('creates a repository at its first push, with HEAD at the branch that was pushed', async () => {
  await repository('first.git', { 'a.yaml': 'a: 1\n' }, 'trunk');
  const copy = await clone('first');
  expect(await copy.git('symbolic-ref', 'HEAD')).toBe('refs/heads/trunk');
  expect(await copy.git('show', 'HEAD:a.yaml')).toBe('a: 1');

  await copy.git('checkout', '--quiet', '-b', 'other');
  await copy.commit({ 'b.yaml': 'b: 1\n' });
  await copy.push();
  expect(await (await clone('first.git')).git('symbolic-ref', 'HEAD')).toBe('refs/heads/trunk');
});

it('tells of a push in the form of GitHub, signed', async () => {
  const workspace = await repository('told', { 'kept.yaml': 'k\n', 'changed.yaml': '1\n', 'gone.yaml': 'g\n' });
  const first = await workspace.head();
  const created = await delivery('told', first);
  expect(created.body).toMatchObject({
    ref: 'refs/heads/main',
    before: '0'.repeat(40),
    created: true,
    commits: [{ id: first, added: ['changed.yaml', 'gone.yaml', 'kept.yaml'] }],
  });

  const second = await workspace.commit({ 'changed.yaml': '2\n', 'gone.yaml': null, 'dir/new ü.yaml': 'n\n' });
  await workspace.push();
  const { event, signature, text, body } = await delivery('told', second);
  expect(event).toBe('push');
  expect(signature).toBe(`sha256=${createHmac('sha256', secret).update(text).digest('hex')}`);
  expect(body).toMatchObject({
    ref: 'refs/heads/main',
    before: first,
    after: second,
    repository: { clone_url: `${server.url}/told.git`, html_url: `${server.url}/told`, default_branch: 'main' },
    commits: [{ id: second, added: ['dir/new ü.yaml'], modified: ['changed.yaml'], removed: ['gone.yaml'] }],
  });
});

it('tells of each ref of a push once it has moved, and not of a refused one', async () => {
  const workspace = await repository('several', { 'a.yaml': '1\n' });
  const first = await workspace.head();
  const second = await workspace.commit({ 'a.yaml': '2\n' });
  await workspace.git('tag', 'v1');
  await workspace.git('push', '--quiet', 'origin', 'HEAD', 'v1');
  await poll(async () => webhooksOf('several', second).length === 2, { what: 'two webhooks', timeoutMs: 10_000 });
  expect(
    webhooksOf('several', second)
      .map(({ body }) => body.ref)
      .sort(),
  ).toEqual(['refs/heads/main', 'refs/tags/v1']);

  const rival = await clone('several');
  await rival.git('reset', '--quiet', '--hard', first);
  const third = await rival.commit({ 'a.yaml': '3\n' });
  await expect(rival.push()).rejects.toThrow(/rejected/);
  await rival.push({ force: true });
  expect((await delivery('several', third)).body).toMatchObject({ before: second, commits: [{ modified: ['a.yaml'] }] });
  expect(webhooksOf('several', third)).toHaveLength(1);
});

it('does not let a push wait for who is told, and tells again after a refusal', async () => {
  const workspace = await repository('refused', { 'a.yaml': '1\n' });
  await delivery('refused', await workspace.head());
  refusals = 2;
  const commit = await workspace.commit({ 'a.yaml': '2\n' });
  await workspace.push();
  expect((await delivery('refused', commit)).body.ref).toBe('refs/heads/main');
  expect(refusals).toBe(0);

  const reverted = await workspace.revert();
  await workspace.push();
  expect((await delivery('refused', reverted)).body.before).toBe(commit);
});

it('serves any commit by id, and partial clones', async () => {
  const workspace = await repository('partial', { 'a.yaml': '1\n' });
  const first = await workspace.head();
  await workspace.commit({ 'a.yaml': '2\n' });
  await workspace.push({ force: true });
  const copy = await clone('partial', '--bare', '--filter=blob:none');
  expect(await copy.git('rev-list', '--objects', '--all', '--missing=print')).toContain('?');
  await copy.git('fetch', '--quiet', 'origin', first);
  expect(await copy.git('show', `${first}:a.yaml`)).toBe('1');
});

it('understands a request body in gzip', async () => {
  const workspace = await repository('packed', { 'a.yaml': '1\n' });
  const want = `want ${await workspace.head()}\n`;
  const body = `${(want.length + 4).toString(16).padStart(4, '0')}${want}00000009done\n`;
  const answer = await request(`${server.url}/packed/git-upload-pack`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-git-upload-pack-request', 'content-encoding': 'gzip' },
    body: gzipSync(body),
  });
  expect((await answer.body.arrayBuffer()).byteLength).toBeGreaterThan(32);
});

it('refuses what is no repository, and fails when told to', async () => {
  await expect(clone('missing')).rejects.toThrow(/not found|404/i);
  for (const path of ['/..%2f..%2fetc/info/refs', '/-x/info/refs', '/.git/info/refs', '/a/b/info/refs', '/told/HEAD']) {
    expect((await request(`${server.url}${path}?service=git-receive-pack`)).statusCode, path).toBe(404);
  }
  server.setTrouble({ status: 503 });
  await expect(clone('told')).rejects.toThrow(/503/);
  server.setTrouble(undefined);
  await clone('told');
});
