import { AppError } from '@plumbline/contracts';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseGitTree } from './git-tree.ts';
import { makeObjectCache } from './object-cache.ts';
import { recordTree } from './recorded-tree.ts';
import { makeRepositoryTree } from './repository-tree.ts';

interface Directory {
  [name: string]: string | Special | Directory;
}
/** A symbolic link (120000) or a submodule (160000). */
class Special {
  readonly mode: string;
  readonly target: string;
  constructor(mode: string, target: string) {
    this.mode = mode;
    this.target = target;
  }
}
const link = (target: string): Special => new Special('120000', target);
const submodule = new Special('160000', 'aa'.repeat(20));

/** Git objects of a nested description. */
function gitObjects(root: Directory): { objects: Map<string, Buffer>; rootTree: string } {
  const objects = new Map<string, Buffer>();
  const put = (kind: 'blob' | 'tree', bytes: Buffer): string => {
    const id = createHash('sha1').update(`${kind} ${bytes.byteLength}\0`).update(bytes).digest('hex');
    objects.set(id, bytes);
    return id;
  };
  const add = (content: Directory[string]): [mode: string, id: string] => {
    if (typeof content === 'string') return ['100644', put('blob', Buffer.from(content))];
    if (content instanceof Special) return [content.mode, content === submodule ? content.target : put('blob', Buffer.from(content.target))];
    const parts = Object.entries(content).flatMap(([name, below]) => {
      const [mode, id] = add(below);
      return [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')];
    });
    return ['40000', put('tree', Buffer.concat(parts))];
  };
  return { rootTree: add(root)[1], objects };
}

function open(root: Directory, readBytesMax = 1000) {
  const { objects, rootTree } = gitObjects(root);
  const asked: string[] = [];
  const get = (_scope: string, ids: readonly string[]): Promise<Map<string, Buffer>> => {
    asked.push(...ids);
    return Promise.resolve(new Map(ids.flatMap((id) => (objects.has(id) ? [[id, objects.get(id)!]] : []))));
  };
  const tree = makeRepositoryTree(makeObjectCache({ get }, 10_000), 'git-r', rootTree);
  return { tree, objects, asked, recorded: recordTree({ tree, readBytesMax, hash: (text) => text }) };
}

const sample: Directory = {
  apps: {
    'a.yaml': 'A',
    sub: { 'b.yaml': 'B' },
    up: link('../shared'),
    'c.yaml': link('sub/../sub/b.yaml'),
    out: link('../../etc/passwd'),
    abs: link('/etc/passwd'),
    circle: link('circle'),
    dangling: link('none'),
    mod: submodule,
  },
  shared: { 'd.yaml': 'D', back: link('../apps/a.yaml') },
};

describe('paths', () => {
  test.each([
    ['apps/a.yaml', 'A'],
    ['apps/sub/b.yaml', 'B'],
    ['apps/up/d.yaml', 'D'],
    ['apps/up/back', 'A'],
    ['apps/c.yaml', 'B'],
    ['apps/a.yaml/x', 'absent'],
    ['apps/dangling', 'absent'],
    ['apps/mod', 'absent'],
    ['apps/mod/x', 'absent'],
    ['none/x', 'absent'],
    ['apps/up', 'directory'],
    ['.', 'directory'],
  ])('%s is %s', async (path, expected) => {
    const [found] = await open(sample).recorded.read([path]);
    expect(found!.kind === 'file' ? found!.bytes.toString() : found!.kind).toBe(expected);
  });

  test.each([
    ['apps/out', 'leads out of the repository'],
    ['apps/abs', 'leads out of the repository'],
    ['apps/circle', 'leads in a circle'],
  ])('%s %s', async (path, says) => {
    await expect(open(sample).recorded.read([path])).rejects.toThrow(says);
  });
});

test('a listing has the kinds behind links; bad ones are met when read', async () => {
  const [listing] = await open(sample).recorded.list(['apps']);
  expect(listing).toEqual({
    kind: 'directory',
    entries: [
      ['a.yaml', 'file'],
      ['abs', 'file'],
      ['c.yaml', 'file'],
      ['circle', 'file'],
      ['out', 'file'],
      ['sub', 'directory'],
      ['up', 'directory'],
    ].map(([name, kind]) => ({ name, kind })),
  });
});

test('the footprint is what was looked at', async () => {
  const { recorded, asked, objects } = open(sample);
  await recorded.read(['apps/a.yaml', 'apps/none', 'apps/sub']);
  await recorded.list(['shared', 'nowhere']);
  const id = [...objects].find(([, bytes]) => bytes.toString() === 'A')![0];
  expect(recorded.footprint()).toEqual({
    reads: { 'apps/a.yaml': id, 'apps/none': 'absent', 'apps/sub': 'directory' },
    lists: { shared: 'file back\nfile d.yaml\n', nowhere: 'absent' },
  });
  expect(new Set(asked).size).toBe(asked.length);
});

test('a render reads no more than it may', async () => {
  const { recorded } = open(sample, 1);
  await recorded.read(['apps/a.yaml']);
  await expect(recorded.read(['apps/sub/b.yaml'])).rejects.toMatchObject({ code: 'too-large' });
});

test('a missing object is named, and may come later', async () => {
  const { recorded, objects } = open(sample);
  const id = [...objects].find(([, bytes]) => bytes.toString() === 'A')![0];
  objects.delete(id);
  await expect(recorded.read(['apps/a.yaml'])).rejects.toMatchObject({ code: 'unavailable', retry: 'later', details: { object: id } });
});

test('a damaged tree is an error, not a hang', () => {
  expect(() => parseGitTree('aa'.repeat(20), Buffer.from('100644 a\0short'))).toThrow(AppError);
  expect(() => parseGitTree('aa'.repeat(20), Buffer.from('no tree at all'))).toThrow(AppError);
});

// Whoever could write into the blob store could once say what is rendered.
test('an object that is not what Git has under its id is refused', async () => {
  const { tree, objects } = open({ 'a.yaml': 'A' });
  const file = await tree.resolve('a.yaml');
  if (file.kind !== 'file') throw new Error('a.yaml is not a file');
  objects.set(file.id, Buffer.from('B'));
  await expect(tree.read([file.id])).rejects.toMatchObject({ code: 'manifest-invalid', details: { object: file.id } });
});
