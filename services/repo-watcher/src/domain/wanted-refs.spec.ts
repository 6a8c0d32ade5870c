import { expect, it } from 'vitest';
import { wantedRefs } from './wanted-refs.ts';

const spec = { project: 'default', destination: {} };

it('reads the source, or all sources, each pair once', () => {
  expect(wantedRefs({ ...spec, source: { repoURL: ' https://h/a ' } })).toEqual([{ url: 'https://h/a', ref: 'HEAD', chart: '' }]);
  expect(
    wantedRefs({
      ...spec,
      source: { repoURL: 'https://h/ignored' },
      sources: [
        { repoURL: 'https://h/a', path: 'x', targetRevision: 'v1' },
        { repoURL: 'https://h/a', path: 'y', targetRevision: 'v1' },
        { repoURL: 'https://h/charts', chart: 'nginx', targetRevision: '1.x' },
      ],
    }),
  ).toEqual([
    { url: 'https://h/a', ref: 'v1', chart: '' },
    { url: 'https://h/charts', ref: '1.x', chart: 'nginx' },
  ]);
  expect(wantedRefs(spec)).toEqual([]);
  expect(wantedRefs({ ...spec, source: { repoURL: '' } })).toEqual([]);
});
