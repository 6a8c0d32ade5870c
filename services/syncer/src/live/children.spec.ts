import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Children } from './children.ts';

it('is, for each owner, the set of what was added and not removed, whatever the order and the number', () => {
  const change = fc.record({ isAdded: fc.boolean(), owner: fc.constantFrom('a', 'b'), key: fc.integer({ min: 0, max: 40 }).map(String) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200, size: 'max' }), (changes) => {
      const children = new Children();
      const expected = new Map([
        ['a', new Set<string>()],
        ['b', new Set<string>()],
      ]);
      for (const { isAdded, owner, key } of changes) {
        if (isAdded) expected.get(owner)!.add(key);
        else expected.get(owner)!.delete(key);
        if (isAdded) children.add(owner, key);
        else children.remove(owner, key);
      }
      for (const [owner, keys] of expected) {
        const found = [...children.of(owner)];
        expect(found).toHaveLength(keys.size);
        expect(new Set(found)).toEqual(keys);
      }
    }),
  );
});
