import { blobScope } from '@plumbline/contracts';
import { verifyChain } from '@plumbline/event-log';
import { eventually } from '@plumbline/testing/scenario';
import pg from 'pg';
import { zstdDecompressSync } from 'node:zlib';
import type { Application, ApplicationStatus } from '@plumbline/contracts';
import { waitForConvergence } from '../invariants/convergence.ts';
import type { World } from '../world/world.ts';
import type { FaultCase } from './fault-case.ts';

interface BlobRow {
  encoding: 'raw' | 'zstd';
  bytes: Buffer;
}

/** Writes another content under the address of a blob. */
async function poison({ database }: World, scope: string, id: string, change: (text: string) => string): Promise<void> {
  const { rows } = await database.query<BlobRow>('select encoding, bytes from blobs.blob where scope = $1 and id = $2', [scope, id]);
  const [{ encoding, bytes }] = rows as [BlobRow];
  const poisoned = Buffer.from(change((encoding === 'zstd' ? zstdDecompressSync(bytes) : bytes).toString('utf8')));
  await database.query(`update blobs.blob set encoding = 'raw', size_bytes = $3, bytes = $4 where scope = $1 and id = $2`, [
    scope,
    id,
    poisoned.length,
    poisoned,
  ]);
}

const conditionsOf = async ({ kube }: World, name: string): Promise<string> => {
  const application = (await kube.get({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'argocd', name })) as
    | Application
    | undefined;
  return JSON.stringify((application?.status as Partial<ApplicationStatus> | undefined)?.conditions ?? []);
};

export const tamperedCases: readonly FaultCase[] = [
  {
    id: 'poisoned-blobs',
    rows: ['T18', 'F42'],
    title: "an application's manifest set, then a Git object, changed in the blob store by somebody with rights on the database",
    expected: 'noticed by its address, told at the application, never applied; a new commit ends it',
    boundMs: 60_000,
    async inject({ world, load, injected, verify }) {
      await load.stop();
      const [first, second] = load.stage.demo.names as [string, string];
      await load.pushAll();
      await waitForConvergence(world, load, 60_000);
      const sets = await eventually('a manifest set', async () => {
        const { rows } = await world.database.query<{ manifest_set: string | null }>('select manifest_set from api.application_status where name = $1', [
          first,
        ]);
        return rows[0]?.manifest_set ?? undefined;
      });
      await poison(world, blobScope.manifests, sets, (text) => text.replace(/"value":"[^"]*"/g, '"value":"poisoned"'));
      injected('manifest set changed in the database');
      // What a process remembers is still right: only one that begins anew reads the store.
      world.services.get('syncer')!.signal('SIGKILL');
      const told = await eventually(
        'the application says so',
        async () => ((await conditionsOf(world, first)).includes('does not fit its address') ? true : undefined),
        60_000,
      ).catch(() => false);
      verify('a manifest set that does not fit its address is told at the application', told, await conditionsOf(world, first));

      const git = await world.database.query<{ scope: string; id: string }>(
        `select scope, id from blobs.blob where scope like 'git-%' and encoding = 'raw' and position('keep-0'::bytea in bytes) > 0 and position('"ConfigMap"'::bytea in bytes) > 0`,
      );
      for (const { scope, id } of git.rows) await poison(world, scope, id, (text) => text.replace(/"value":"[^"]*"/, '"value":"poisoned"'));
      injected('Git object changed in the database', git.rows.length);
      world.services.get('renderer')!.signal('SIGKILL');
      await world.services.get('renderer')!.whenReady();
      await load.stage.api.call('GET', `/api/v1/applications/${second}?refresh=hard`);
      const refused = await eventually(
        'the application says so',
        async () => ((await conditionsOf(world, second)).includes('somebody changed it') ? true : undefined),
        60_000,
      ).catch(() => false);
      verify('a Git object that is not what its id says is told at the application', refused, await conditionsOf(world, second));
      const { items } = await world.kube.list({ group: '', version: 'v1', kind: 'ConfigMap' });
      const poisoned = items.filter((object) => (object['data'] as { value?: string } | undefined)?.value === 'poisoned');
      verify('nothing of it is applied', poisoned.length === 0, poisoned.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', '));
      await load.pushAll();
    },
  },
  {
    id: 'event-changed',
    rows: ['F42'],
    title: 'an event changed in its row by a superuser who switches the trigger off',
    expected: 'the ordinary way is refused; the chain says which position; put back, it is whole again',
    boundMs: 60_000,
    async inject({ world, load, random, injected, verify }) {
      await load.stop();
      const { position } = await world.log.head();
      const at = random.int(1, position);
      const plain = await world.database.query(`update log.event set data = '{}' where position = $1`, [at]).then(
        () => 'done',
        (error: Error) => error.message,
      );
      verify('UPDATE of an event is refused', plain.includes('refused'), plain);
      const superuser = new pg.Client({ connectionString: world.postgres.url });
      await superuser.connect();
      try {
        await superuser.query('set session_replication_role = replica');
        const { rows } = await superuser.query<{ data: string }>('select data from log.event where position = $1', [at]);
        await superuser.query('update log.event set data = $2 where position = $1', [at, '{"cascaded":true}']);
        injected('event changed by a superuser');
        const verdict = await verifyChain(world.log);
        verify('the chain says where', !verdict.isIntact && verdict.position === at, JSON.stringify(verdict));
        await superuser.query('update log.event set data = $2 where position = $1', [at, rows[0]!.data]);
        verify('put back, the chain is whole', (await verifyChain(world.log)).isIntact);
      } finally {
        await superuser.end();
      }
    },
  },
];
