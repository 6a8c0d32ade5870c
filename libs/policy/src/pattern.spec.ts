import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob, fileMatch, pathGlob, plainGlob } from './glob.ts';
import { compileRegularExpression } from './regular-expression.ts';

describe('globs', () => {
  it.each([
    ['*', 'a/b', true, false, false],
    ['**', 'a/b', true, true, false],
    ['prod-*', 'prod-eu/x', true, false, false],
    ['a?c', 'a/c', true, false, false],
    ['a?c', 'abc', true, true, true],
    ['[a-c]x', 'bx', true, true, true],
    ['{a,b*}c', 'bxxc', true, true, false],
    ['a\\*', 'a*', true, true, true],
    ['a\\*', 'ab', false, false, false],
    ['https://github.com/*/x', 'https://github.com/o/x', true, true, true],
    ['https://github.com/*', 'https://github.com/o/x', true, false, false],
    ['', '', true, true, true],
    ['*', '', true, true, true],
    ['ü*', 'über', true, true, true],
  ])('%j on %j: policy %s, source %s, kind %s', (pattern, text, policy, source, kind) => {
    expect([plainGlob, pathGlob, fileMatch].map((dialect) => compileGlob(pattern, dialect)(text))).toEqual([policy, source, kind]);
  });

  it('negates a class with ! in a glob and with ^ in filepath.Match', () => {
    expect(compileGlob('[!a]', plainGlob)('b')).toBe(true);
    expect(compileGlob('[!a]', plainGlob)('a')).toBe(false);
    expect(compileGlob('[^a]', fileMatch)('b')).toBe(true);
    expect(compileGlob('[^a]', fileMatch)('a')).toBe(false);
  });

  it.each(['[', '[a', '{a', 'a}', 'a\\', '[b-a]', 'x'.repeat(2000)])('refuses %j', (pattern) => {
    expect(() => compileGlob(pattern, plainGlob)).toThrow(/can't be read|too complex/);
  });

  it('takes linear time where a backtracking matcher would not come back', () => {
    expect(compileGlob(`${'*a'.repeat(200)}b`, plainGlob)('a'.repeat(4000))).toBe(false);
    expect(compileRegularExpression('(a+)+$b')('a'.repeat(4000))).toBe(false);
  });

  it('never throws anything but invalid-argument, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('*', '?', '[', ']', '{', '}', ',', '\\', '!', '-', 'a', '/', '(', ')', '|', '+', '^', '$', '.') }),
        fc.string(),
        (pattern, text) => {
          for (const compilePattern of [
            () => compileGlob(pattern, plainGlob),
            () => compileGlob(pattern, fileMatch),
            () => compileRegularExpression(pattern),
          ]) {
            try {
              expect(typeof compilePattern()(text)).toBe('boolean');
            } catch (error) {
              expect(error).toMatchObject({ code: 'invalid-argument' });
            }
          }
        },
      ),
    );
  });
});

describe('regular expressions', () => {
  it.each([
    ['a.c', 'xabcx'],
    ['^team-[0-9]{2}/.*$', 'team-42/web'],
    ['^(a|bc)+?$', 'abca'],
    ['\\d+\\.\\w', 'x10.a'],
    ['[^/]+/(dev|test)-.*', 'p/dev-1'],
    ['^$', ''],
    ['[]x]', ']'],
    ['a{0}b', 'b'],
  ])('agree with the language on %s and %j', (pattern, text) => {
    expect(compileRegularExpression(pattern)(text)).toBe(true);
  });

  it('agree with JavaScript on what both understand', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(?:a|b)', '(ab)', 'a*', 'b+', 'a?', '(?:ab){1,2}', '\\w', '^', '$');
    fc.assert(
      fc.property(fc.array(atom, { maxLength: 6 }), fc.string({ unit: fc.constantFrom('a', 'b', 'c', '/'), maxLength: 8 }), (atoms, text) => {
        const pattern = atoms.join('');
        expect(compileRegularExpression(pattern)(text)).toBe(new RegExp(pattern, 'u').test(text));
      }),
    );
  });

  it.each(['(a', 'a)', '*', 'a**', '[a', '(?=a)', '\\1', '\\b', 'a{2,1}', 'a{', '[[:alpha:]]', '(?i)a', '((a{1000}){1000})'])('refuses %j', (pattern) => {
    expect(() => compileRegularExpression(pattern)).toThrow(/can't be read|too complex/);
  });
});
