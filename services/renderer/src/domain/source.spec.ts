import type { ApplicationSpec } from '@plumbline/contracts';
import { expect, test } from 'vitest';
import { parametersOf, sourceOf } from './source.ts';

const spec = (part: Partial<ApplicationSpec>): ApplicationSpec => ({ project: 'default', destination: {}, ...part });
const source = { repoURL: 'https://example.org/r.git', path: 'app', targetRevision: 'main', helm: { releaseName: 'x' } };

test('one source, however it is written', () => {
  expect(sourceOf(spec({ source }))).toEqual({ source, path: 'app' });
  expect(sourceOf(spec({ sources: [source] }))).toEqual({ source, path: 'app' });
  expect(sourceOf(spec({ source, sources: [] }))).toEqual({ source, path: 'app' });
});

test.each([
  ['none', {}, 'no source'],
  ['several', { sources: [source, source] }, 'several sources'],
  ['a chart of a Helm repository', { source: { ...source, chart: 'redis' } }, 'vendor chart redis'],
  ['no path', { source: { ...source, path: '' } }, 'spec.source.path is empty'],
])('refused: %s', (_, part, says) => {
  expect(() => sourceOf(spec(part))).toThrow(says);
});

test('where a source comes from is no parameter', () => {
  expect(parametersOf(source)).toEqual({ helm: { releaseName: 'x' } });
});
