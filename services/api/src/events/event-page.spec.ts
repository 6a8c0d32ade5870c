import { makeMemoryEventLog, makeMemoryDatabase } from '@plumbline/event-log';
import { compilePolicy, rightsOf } from '@plumbline/policy';
import { describe, expect, it } from 'vitest';
import { makeStatusProjection } from '../applications/status-projection.ts';
import { limits } from '../limits.ts';
import { parseEventQuery, readEventPage } from './event-page.ts';

describe('the query', () => {
  it('has defaults', () => expect(parseEventQuery({}, 'argocd')).toEqual({ after: 0, limit: 100, waitSeconds: 0, filter: {} }));
  it('is read', () =>
    expect(parseEventQuery({ after: '7', limit: '1000', wait: '60', type: 'SyncFailed' }, 'argocd')).toEqual({
      after: 7,
      limit: 1000,
      waitSeconds: 60,
      filter: { types: new Set(['SyncFailed']) },
    }));
  it.each([
    { after: '-1' },
    { after: 'x' },
    { after: '1.5' },
    { after: '' },
    { after: ['1', '2'] },
    { limit: '0' },
    { limit: '1001' },
    { wait: '61' },
    { wait: '-1' },
    { after: '99999999999999999999' },
    { Limit: '1' },
    { from: '1' },
  ])('is refused with what is allowed: %j', (query) =>
    expect(() => parseEventQuery(query, 'argocd')).toThrow(/whole number from \d+ to \d+|allowed are after, limit, wait/),
  );
});

describe('a page', async () => {
  const log = makeMemoryEventLog({ database: makeMemoryDatabase(), clock: Date.now, announce: () => undefined, newId: () => crypto.randomUUID() });
  const statuses = makeStatusProjection();
  let head = 0;
  const append = async (stream: string, type: string, data: unknown) => {
    const id = crypto.randomUUID();
    const recorded = await log.append([{ stream, events: [{ id, type, data, metadata: { actor: 'ann', service: 's', schemaVersion: 1 } }] }]);
    statuses.consumer.committed!(recorded);
    head = recorded.at(-1)!.position;
  };
  const declare = (name: string, project: string) =>
    append(`application-argocd/${name}/u`, 'ApplicationDeclared', {
      namespace: 'argocd',
      name,
      uid: 'u',
      project,
      spec: { project, destination: {} },
      specHash: '',
      sealedSpec: '',
    });
  await declare('web', 'team');
  await declare('db', 'other');
  for (let i = 0; i < 20; i++) await append('command-x', 'CommandAccepted', { i });
  await append('application-argocd/web/u', 'HealthChanged', { status: 'Healthy', resources: [], gone: [] });
  await append('command-x', 'CommandDone', {});

  const callerWith = (csv: string, subject = 'ann') => {
    const policy = compilePolicy({ csv, defaultRole: '', matchMode: 'glob', projects: [] });
    return { subject, groups: [], token: '', rights: rightsOf(policy, { subject, groups: [] }) };
  };
  const parts = { eventLog: log, statuses, projectedTo: () => head };
  const restricted = callerWith('p, ann, applications, get, team/*, allow');

  it('shows everything to who may see all applications', async () => {
    const page = await readEventPage(parts, callerWith('', 'admin'), { after: 0, limit: 100, filter: {} });
    expect(page.events.map((event) => event.position)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(page).toMatchObject({ head: 24, next: 24 });
    expect(page.events[0]).toMatchObject({ type: 'ApplicationDeclared', actor: 'ann', version: 1, time: expect.any(String) });
  });

  it('starts after a position and ends at the limit', async () => {
    const page = await readEventPage(parts, callerWith('', 'admin'), { after: 3, limit: 2, filter: {} });
    expect(page.events.map((event) => event.position)).toEqual([4, 5]);
    expect(page.next).toBe(5);
  });

  it('is empty at the head', async () => {
    expect(await readEventPage(parts, callerWith('', 'admin'), { after: 24, limit: 10, filter: {} })).toMatchObject({ events: [], head: 24, next: 24 });
  });

  it('shows others their applications only, and still tells how far it came', async () => {
    const page = await readEventPage(parts, restricted, { after: 0, limit: 100, filter: {} });
    expect(page.events.map((event) => event.position)).toEqual([1, 23]);
    expect(page).toMatchObject({ head: 24, next: 24 });
    expect(await readEventPage(parts, callerWith(''), { after: 0, limit: 100, filter: {} })).toMatchObject({ events: [], next: 24 });
  });

  it('does not pass what cannot be judged yet', async () => {
    expect(await readEventPage({ ...parts, projectedTo: () => 10 }, restricted, { after: 0, limit: 100, filter: {} })).toMatchObject({
      next: 10,
      events: [{ position: 1 }],
    });
  });

  it('is of what is asked for, and passes the rest', async () => {
    const filtered = (query: Record<string, string>, caller = callerWith('', 'admin')) => readEventPage(parts, caller, parseEventQuery(query, 'argocd'));
    const positions = async (query: Record<string, string>, caller = callerWith('', 'admin')) =>
      (await filtered(query, caller)).events.map((event) => event.position);
    expect(await positions({ type: 'HealthChanged,CommandDone' })).toEqual([23, 24]);
    expect(await positions({ application: 'web' })).toEqual([1, 23]);
    expect(await positions({ project: 'other' })).toEqual([2]);
    expect(await positions({ project: 'other' }, restricted)).toEqual([]);
    expect(await filtered({ category: 'policy' })).toMatchObject({ events: [], next: 24 });
    expect(await filtered({ type: 'CommandAccepted', limit: '2' })).toMatchObject({ next: 4 });
    expect(await readEventPage({ ...parts, projectedTo: () => 10 }, callerWith('', 'admin'), parseEventQuery({ project: 'team' }, 'argocd'))).toMatchObject({
      next: 10,
    });
  });

  it('keeps a rule that denies', async () => {
    const denied = callerWith('p, ann, applications, get, */*, allow\np, ann, applications, get, other/*, deny');
    expect((await readEventPage(parts, denied, { after: 0, limit: limits.eventsPageMax, filter: {} })).events.map((event) => event.position)).toEqual([1, 23]);
  });
});
