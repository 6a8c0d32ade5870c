import type { Application, ApplicationSource } from '@plumbline/contracts';
import { expect, test } from 'vitest';
import type { Outage, RefState, World } from '../world/world.ts';
import { assertDestination, resolveTarget, sourceOf } from './target.ts';

const source: ApplicationSource = { repoURL: 'https://git.example.org/shop.git', path: '.', targetRevision: 'main' };
const at = Date.parse('2030-01-01T00:00:00.000Z');
const known = { repository: 'r', ref: 'main', position: 1, commit: 'c1', tree: 't1' };
const minutes = (count: number): number => count * 60_000;

const worldOf = (ref?: RefState, outage?: Outage): World => ({ ref: () => ref, outage: () => outage, project: () => undefined });
const resolved = (ref?: RefState, outage?: Outage): string => {
  const found = resolveTarget(source, worldOf(ref, outage), at);
  return found.kind === 'known' ? found.target.commit : found.kind === 'problem' ? `${found.error.code}: ${found.error.message}` : 'waiting';
};

// An outage is nobody's problem for three minutes (Argo CD's controller.repo.error.grace.period.seconds; argocd-compat B099).
test.each<[string, RefState | undefined, number | undefined, string]>([
  ['that is known', known, undefined, 'c1'],
  ['of a repository that went away a moment ago', known, at - minutes(1), 'c1'],
  ['of a repository that is away for three minutes', known, at - minutes(3), 'c1'],
  ['of a repository that is away for longer', known, at - minutes(3) - 1, 'repository-unreachable: connection refused'],
  ['that was never seen, of a repository that is away', undefined, at, 'repository-unreachable: connection refused'],
  ['that was never seen yet', undefined, undefined, 'waiting'],
  [
    'that is not there',
    { repository: 'r', ref: 'main', position: 1, problem: 'no branch or tag main' },
    undefined,
    'revision-not-found: no branch or tag main',
  ],
])('the commit of a ref %s', (_, ref, sinceMs, expected) => {
  expect(resolved(ref, sinceMs === undefined ? undefined : { message: 'connection refused', sinceMs })).toBe(expected);
});

const application = (spec: object): Application => ({ spec }) as unknown as Application;

test.each<[object, RegExp]>([
  [{}, /spec\.source is missing/],
  [{ sources: [source, source] }, /spec\.sources has 2 members/],
  [{ source: { ...source, repoURL: '' } }, /repoURL is empty/],
  [{ source: { ...source, chart: 'redis' } }, /spec\.source\.chart/],
  [{ source: { ...source, path: '' } }, /spec\.source\.path is missing/],
])('the source of %j is refused with what to change', (spec, says) => {
  expect(() => sourceOf(application(spec))).toThrow(says);
});

test('one of several sources is the source', () => expect(sourceOf(application({ sources: [source] }))).toBe(source));

test.each<[object, RegExp | undefined]>([
  [{ server: 'https://kubernetes.default.svc', namespace: 'shop' }, undefined],
  [{ name: 'in-cluster' }, undefined],
  [{ server: 'https://kubernetes.default.svc', name: 'in-cluster' }, /both name \(in-cluster\) and server/],
  [{ server: 'https://elsewhere.example.org' }, /no clusters with this server: https:\/\/elsewhere/],
  [{ name: 'elsewhere' }, /no clusters with this name: elsewhere/],
  [{ name: 'in-cluster', namespace: '../x' }, /not the name of a namespace/],
])('the destination %j', (destination, says) => {
  const judge = (): void => assertDestination(application({ destination }));
  if (says === undefined) expect(judge).not.toThrow();
  else expect(judge).toThrow(says);
});
