import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { FaultCase } from './fault-case.ts';

export const databaseCases: readonly FaultCase[] = [
  {
    id: 'postgres-restarted',
    rows: ['F06'],
    title: 'PostgreSQL shut down at once (SIGQUIT) and started again under load',
    expected: 'writers resolve what they cannot know; no event is lost or doubled',
    boundMs: 60_000,
    async inject({ world, random, scale, injected }) {
      for (let done = 0; done < 2 * scale; done++) {
        await world.postgres.kill('SIGQUIT');
        injected('SIGQUIT PostgreSQL');
        await sleep(random.int(0, 3_000));
        await world.postgres.start();
        await sleep(random.int(2_000, 5_000));
      }
    },
  },
  {
    id: 'commit-unknown',
    rows: ['F06'],
    title: 'connections to PostgreSQL cut right after a statement that commits was sent: nobody knows what came of it',
    expected: 'each command is recorded once; retries get the recorded events back',
    boundMs: 60_000,
    async inject({ world, random, scale, injected }) {
      world.relay.cutAfterCommit(0.1, random.fork('cuts'));
      await sleep(8_000 * Math.min(scale, 3));
      world.relay.cutAfterCommit(0, random);
      injected('connection cut after COMMIT', world.relay.takeCuts());
      injected('connection cut', world.relay.cutAll());
    },
  },
  {
    id: 'postgres-silent',
    rows: ['F06'],
    title: 'all connections to PostgreSQL fall silent without an end, as behind a firewall that forgot them; new ones work',
    expected: 'each is given up after 35 s at the latest and not used again; nothing is lost',
    boundMs: 90_000,
    async inject({ world, random, scale, injected }) {
      for (let done = 0; done < Math.min(scale, 2); done++) {
        injected('connection that fell silent', world.relay.silenceAll());
        await sleep(random.int(5_000, 15_000));
      }
    },
  },
  {
    id: 'idle-writer',
    rows: ['F09'],
    title: 'a transaction appends and then idles, holding the row of the head',
    expected: 'the database ends it after its timeout; appends wait or fail with a reason and go on; no gap',
    boundMs: 60_000,
    async inject({ world, injected, verify }) {
      const client = new pg.Client({ connectionString: world.postgres.url });
      client.on('error', () => undefined);
      await client.connect();
      const startedAt = performance.now();
      // As every connection of the product has it (sessionOptions of the log).
      const options = await world.database.query<{ setting: string }>(`select current_setting('idle_in_transaction_session_timeout') as setting`);
      verify('idle_in_transaction_session_timeout is set on connections of the log', options.rows[0]!.setting !== '0', options.rows[0]!.setting);
      await client.query(`set idle_in_transaction_session_timeout = '${options.rows[0]!.setting}'`);
      await client.query('begin');
      await client.query('select * from log.head for update');
      injected('transaction that idles with the head locked');
      const ended = new Promise<boolean>((resolve) => client.once('end', () => resolve(true)));
      const isEnded = await Promise.race([ended, sleep(60_000, false, { ref: false })]);
      verify('the database ends the idle transaction', isEnded, `after ${Math.round(performance.now() - startedAt)} ms`);
      if (!isEnded) await client.end();
    },
  },
];
