import type { Application, ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import { compilePolicy, rightsOf } from '@plumbline/policy';
import { describe, expect, it } from 'vitest';
import type { Caller } from '../access/authentication.ts';
import { findApplication, listApplications } from './applications.ts';
import type { Catalogue } from './catalogue.ts';
import { applyFieldMask } from './field-mask.ts';
import { parseLabelSelector } from './label-selector.ts';
import { redactSpec } from './redaction.ts';
import { masked } from './rendered.ts';
import { applicationBody, parse, syncRequest } from './requests.ts';
import { fold } from './status-projection.ts';
import type { KnownApplication } from './status-projection.ts';
import { syncOperation } from './sync-operation.ts';

const application = (name: string, project: string, rest: Partial<Application> = {}): Application => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name, namespace: 'argocd', uid: `uid-${name}`, labels: { tier: name } },
  spec: {
    project,
    source: { repoURL: 'https://git/org/repo.git', path: '.' },
    destination: { server: 'https://kubernetes.default.svc', namespace: 'default' },
  },
  ...rest,
});

const catalogueOf = (...applications: Application[]): Catalogue =>
  ({ list: () => applications, get: (name: string) => applications.find((each) => each.metadata.name === name) }) as Partial<Catalogue> as Catalogue;

function caller(subject: string, csv = ''): Caller {
  const policy = compilePolicy({ csv, defaultRole: '', matchMode: 'glob', projects: [] });
  return { subject, groups: [], token: '', rights: rightsOf(policy, { subject, groups: [] }) };
}
const developer = caller('ann', 'p, ann, applications, get, team/*, allow');

describe('the list', () => {
  const catalogue = catalogueOf(application('web', 'team'), application('api', 'team'), application('db', 'other'));
  const names = (who: Caller, query = {}) => listApplications(catalogue, 'argocd', who, { projects: [], ...query }).map((each) => each.metadata.name);

  it('holds what the caller may see, by name', () => {
    expect(names(caller('admin'))).toEqual(['api', 'db', 'web']);
    expect(names(developer)).toEqual(['api', 'web']);
    expect(names(caller('eve'))).toEqual([]);
  });

  it.each([
    [{ name: 'web' }, ['web']],
    [{ projects: ['other'] }, ['db']],
    [{ selector: 'tier in (web, db)' }, ['db', 'web']],
    [{ repo: 'https://GIT/org/repo' }, ['api', 'db', 'web']],
    [{ repo: 'https://git/else' }, []],
    [{ appNamespace: 'elsewhere' }, []],
  ])('%j: %j', (query, expected) => expect(names(caller('admin'), query)).toEqual(expected));
});

describe('one application', () => {
  const catalogue = catalogueOf(application('web', 'team'), application('db', 'other'));
  const answer = (who: Caller, name: string, action = 'get'): string => {
    try {
      return findApplication(catalogue, who, name, action).metadata.name;
    } catch (error) {
      return (error as { code: string; message: string }).code;
    }
  };

  it('that is forbidden and one that is not there look the same', () => {
    expect([answer(developer, 'db'), answer(developer, 'none'), answer(caller('eve'), 'web')]).toEqual([
      'permission-denied',
      'permission-denied',
      'permission-denied',
    ]);
    expect(answer(caller('admin'), 'none')).toBe('not-found');
    expect(answer(developer, 'web')).toBe('web');
  });

  it('may be seen without being allowed to sync', () => {
    expect(answer(developer, 'web', 'sync')).toBe('permission-denied');
    expect(answer(caller('admin'), 'web', 'sync')).toBe('web');
  });
});

describe('a sync operation', () => {
  const ask = (app: Application, body: unknown = {}) => syncOperation(app, parse(syncRequest, body, 'sync'), 'ann');
  const web = application('web', 'team');

  it('carries what was asked for and by whom', () => {
    const body = {
      revision: 'v1',
      prune: true,
      strategy: { apply: { force: true }, hook: null },
      syncOptions: { items: ['Replace=true'] },
      resources: [{ kind: 'Service', name: 'a' }],
    };
    expect(ask(web, body)).toEqual({
      sync: {
        revision: 'v1',
        prune: true,
        syncStrategy: { apply: { force: true } },
        syncOptions: ['Replace=true'],
        resources: [{ kind: 'Service', name: 'a' }],
      },
      initiatedBy: { username: 'ann' },
    });
  });

  it("takes the application's options and retry where none are given", () => {
    const policy = { syncOptions: ['CreateNamespace=true'], retry: { limit: 3 } };
    expect(ask({ ...web, spec: { ...web.spec, syncPolicy: policy } })).toMatchObject({ sync: { syncOptions: policy.syncOptions }, retry: policy.retry });
  });

  it.each<[string, Application, unknown, string]>([
    ['another one runs', { ...web, operation: { sync: {} } }, {}, 'another operation is already in progress'],
    ['the log says one runs', { ...web, status: { operationState: { phase: 'Running' } } }, {}, 'another operation is already in progress'],
    ['it is being deleted', { ...web, metadata: { ...web.metadata, deletionTimestamp: 'now' } }, {}, 'is being deleted'],
    [
      'automated sync says otherwise',
      { ...web, spec: { ...web.spec, syncPolicy: { automated: {} } } },
      { revision: 'v1' },
      'Cannot sync to v1: auto-sync currently set to HEAD',
    ],
    ['manifests are sent', { ...web, spec: { ...web.spec, syncPolicy: { automated: {} } } }, { manifests: ['{}'] }, 'Cannot use local sync'],
  ])('is refused when %s', (_, app, body, message) => {
    expect(() => ask(app, body)).toThrow(message);
  });

  it('may be a dry run of another revision, or a sync of the one that is set', () => {
    const automated = { ...web, spec: { ...web.spec, syncPolicy: { automated: {} } } };
    expect(ask(automated, { revision: 'v1', dryRun: true }).sync?.revision).toBe('v1');
    expect(ask(automated, { manifests: ['{}'], dryRun: true }).sync?.manifests).toEqual(['{}']);
    expect(ask(web, { manifests: ['{}'] }).sync?.manifests).toEqual(['{}']);
    expect(ask(automated, { revision: 'HEAD' }).sync?.revision).toBe('HEAD');
    expect(ask({ ...web, spec: { ...web.spec, syncPolicy: { automated: { enabled: false } } } }, { revision: 'v1' }).sync?.revision).toBe('v1');
  });
});

describe('secrets', () => {
  it('of a spec are hashes in what is recorded', () => {
    const spec = {
      project: 'team',
      destination: {},
      source: {
        repoURL: 'https://user:canary1@git/x',
        helm: { values: 'canary2', valuesObject: { a: 'canary3' }, parameters: [{ name: 'p', value: 'canary4' }], valueFiles: ['https://u:canary5@h/v.yaml'] },
        plugin: { env: 'canary6' },
      },
      info: [{ name: 'n', value: 'canary7' }],
    };
    const redacted = JSON.stringify(redactSpec(spec, () => 'f'.repeat(64)));
    expect(redacted).not.toMatch(/canary/);
    expect(redacted).toContain('https://git/x');
  });

  it('of a manifest are stars', () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'canary', keep: 'me' } },
      data: { a: 'canary' },
      stringData: { b: 'canary' },
    };
    expect(JSON.stringify(masked(secret))).not.toMatch(/canary/);
    expect(masked(secret)).toMatchObject({ data: { a: '++++++++' }, metadata: { annotations: { keep: 'me' } } });
    expect(masked({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } })).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } });
    expect(JSON.stringify(masked({ apiVersion: 'v1', kind: 'Secret', data: 'canary' }))).not.toMatch(/canary/);
  });

  it('are not repeated by an error about a body', () => {
    expect(() => parse(applicationBody, { metadata: { name: 'UPPER' }, spec: { source: { repoURL: 7, helm: 'canary' } } }, 'application')).toThrow(
      /metadata.name: must be a DNS name/,
    );
    expect(() => parse(applicationBody, { metadata: { name: 'canary!' }, spec: {} }, 'application')).not.toThrow(/canary/);
  });
});

describe('the status of an application', () => {
  const stream = 'application-argocd/web/u1';
  const at = (position: number, event: ApplicationEvent): RecordedEvent => ({
    ...event,
    position,
    id: `e${position}`,
    stream,
    version: position,
    at: '2030-01-01T00:00:00Z',
    metadata: { actor: 'a', service: 's', schemaVersion: 1 },
  });
  const declared: ApplicationEvent = {
    type: 'ApplicationDeclared',
    data: { namespace: 'argocd', name: 'web', uid: 'u1', project: 'team', spec: application('web', 'team').spec, specHash: 'h', sealedSpec: 's' },
  };
  const compared: ApplicationEvent = {
    type: 'ApplicationCompared',
    data: { revision: 'r1', manifestSet: 'm1', sourceType: 'Directory', status: 'Synced', resources: [], images: [], conditions: [] },
  };
  const after = (...events: RecordedEvent[]) => events.reduce<KnownApplication | undefined>((known, event) => fold(known, event) ?? known, undefined);

  it('is folded from its stream, with project and manifest set', () => {
    expect(after(at(3, declared), at(5, compared))).toMatchObject({
      project: 'team',
      manifestSet: 'm1',
      position: 5,
      status: { sync: { status: 'Synced', revision: 'r1' } },
    });
  });

  it('takes no event twice', () => {
    const known = after(at(3, declared), at(5, compared));
    expect(fold(known, at(5, { ...compared, data: { ...compared.data, status: 'OutOfSync' } }))).toBeUndefined();
  });

  it('ends with the application, whose project stays known', () => {
    expect(after(at(3, declared), at(5, { type: 'ApplicationDeleted', data: { cascaded: true } }))).toMatchObject({ project: 'team', status: undefined });
  });
});

describe('a label selector', () => {
  const labels = { env: 'prod', tier: 'web' };
  it.each([
    ['', true],
    ['env=prod', true],
    ['env==prod,tier!=db', true],
    ['env!=prod', false],
    ['env in (dev, prod)', true],
    ['env notin (dev,prod)', false],
    ['none notin (a)', true],
    ['env,!none', true],
    ['!env', false],
    ['example.com/x=1', false],
  ])('%j: %s', (selector, expected) => expect(parseLabelSelector(selector)(labels)).toBe(expected));
  it.each(['=', 'a=b=c', 'a in b', 'in (a)', ',', 'a=%'])('%j is refused', (selector) => expect(() => parseLabelSelector(selector)).toThrow(/can't be read/));
});

describe('a field mask', () => {
  const value = { metadata: { v: 1 }, items: [{ metadata: { name: 'a', uid: 'u' }, spec: { x: 1 } }] };
  it('keeps what it names, through lists', () => expect(applyFieldMask(value, 'items.metadata.name')).toEqual({ items: [{ metadata: { name: 'a' } }] }));
  it('leaves out what it names after a minus', () =>
    expect(applyFieldMask(value, '-items.spec,metadata')).toEqual({ items: [{ metadata: { name: 'a', uid: 'u' } }] }));
  it('is optional', () => expect(applyFieldMask(value, undefined)).toBe(value));
});
