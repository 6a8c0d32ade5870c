import { expect, it } from 'vitest';
import { parseLsRemote } from './ls-remote.ts';

const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(40));

it('peels tags, keeps the order, ignores what it does not know', () => {
  const output = `ref: refs/heads/main\tHEAD\n${a}\tHEAD\n${a}\trefs/heads/main\n${b}\trefs/tags/v1\n${c}\trefs/tags/v1^{}\nwarning: something\n`;
  expect(parseLsRemote(output)).toEqual({
    head: 'refs/heads/main',
    refs: new Map([
      ['HEAD', a],
      ['refs/heads/main', a],
      ['refs/tags/v1', c],
    ]),
  });
  expect(parseLsRemote('')).toEqual({ refs: new Map() });
});
