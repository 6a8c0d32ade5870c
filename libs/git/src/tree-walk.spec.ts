import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommit, parseTree } from './git-object.ts';
import { walkNew } from './tree-walk.ts';

/** A directory: names to contents or directories. */
interface Directory {
  [name: string]: string | Directory;
}

const idOf = (type: string, bytes: Buffer): string => createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');

/** Writes a directory as git does; every object goes into `store`. */
function write(directory: Directory, store: Map<string, Buffer>): string {
  const entries = Object.entries(directory).map(([name, content]) => {
    const id = typeof content === 'string' ? put('blob', Buffer.from(content), store) : write(content, store);
    return Buffer.concat([Buffer.from(`${typeof content === 'string' ? '100644' : '40000'} ${name}\0`), Buffer.from(id, 'hex')]);
  });
  return put('tree', Buffer.concat(entries), store);
}

function put(type: string, bytes: Buffer, store: Map<string, Buffer>): string {
  const id = idOf(type, bytes);
  store.set(id, bytes);
  return id;
}

const readFrom = (store: Map<string, Buffer>) => async (ids: readonly string[]) => ids.map((id) => store.get(id));

describe('walkNew', () => {
  const directory: fc.Arbitrary<Directory> = fc.letrec<{ directory: Directory }>((tie) => ({
    directory: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof({ depthSize: 'small' }, fc.constantFrom('1', '2', '3'), tie('directory')), {
      maxKeys: 3,
    }),
  })).directory;

  it('together with everything below the base gives everything below the tree', async () => {
    await fc.assert(
      fc.asyncProperty(directory, directory, async (before, after) => {
        const [old, current, all] = [new Map<string, Buffer>(), new Map<string, Buffer>(), new Map<string, Buffer>()];
        const base = write(before, old);
        const tree = write(after, current);
        for (const [id, bytes] of [...old, ...current]) all.set(id, bytes);
        const found = await walkNew(tree, base, readFrom(all));
        const known = new Set([...old.keys(), ...found.map((object) => object.id)]);
        expect([...current.keys()].filter((id) => !known.has(id))).toEqual([]);
        expect(found.filter((object) => !current.has(object.id))).toEqual([]);
      }),
    );
  });

  it('opens only what changed', async () => {
    const store = new Map<string, Buffer>();
    const base = write({ same: { deep: { file: 'x' } }, other: { file: 'y' } }, store);
    const tree = write({ same: { deep: { file: 'x' } }, other: { file: 'z' } }, store);
    const opened: string[] = [];
    await walkNew(tree, base, async (ids) => (opened.push(...ids), readFrom(store)(ids)));
    expect(opened).not.toContain(write({ deep: { file: 'x' } }, store));
  });

  it('lists everything when the base is not there any more', async () => {
    const store = new Map<string, Buffer>();
    const tree = write({ a: 'a', b: { c: 'c' } }, store);
    expect(await walkNew(tree, '0'.repeat(40), readFrom(store))).toHaveLength(4);
  });

  it('says which tree is missing', async () => {
    await expect(walkNew('1'.repeat(40), undefined, readFrom(new Map()))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('objects', () => {
  it('reads submodules, links and names with spaces and without UTF-8', () => {
    const id = Buffer.from('12'.repeat(20), 'hex');
    const bytes = Buffer.concat([Buffer.from('160000 sub\0'), id, Buffer.from('120000 a link\0'), id, Buffer.from([...Buffer.from('100755 '), 0xff, 0]), id]);
    expect(parseTree('t', bytes).map(({ type, name }) => [type, name])).toEqual([
      ['commit', 'sub'],
      ['blob', 'a link'],
      ['blob', '\ufffd'],
    ]);
  });

  it('never reads a damaged tree as a whole one', () => {
    const whole = Buffer.concat([Buffer.from('100644 name\0'), Buffer.alloc(20, 1)]);
    for (let length = 1; length < whole.length; length++) expect(() => parseTree('t', whole.subarray(0, length))).toThrow('is damaged');
  });

  it('reads a signed commit of an author without a name at an impossible time', () => {
    const text = `tree ${'a'.repeat(40)}\nauthor <x@y> 99999999999999 +0000\ncommitter C <c@y> 1 +0000\ngpgsig -----BEGIN\n tree ${'b'.repeat(40)}\n -----END\n\n\nTitle \nbody\n`;
    expect(parseCommit('c', Buffer.from(text))).toEqual({ tree: 'a'.repeat(40), author: '<x@y>', date: '1970-01-01T00:00:00.000Z', message: 'Title' });
    expect(() => parseCommit('c', Buffer.from('author x'))).toThrow('has no tree');
  });
});
