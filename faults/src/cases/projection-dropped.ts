import { eventually } from '@plumbline/testing/scenario';
import { listConsumers, runOf } from '../invariants/consumers.ts';
import type { FaultCase } from './fault-case.ts';

const name = 'api.application-status';

export const projectionDroppedCase: FaultCase = {
  id: 'projection-dropped',
  rows: ['F43'],
  title: 'the table of a projection dropped under load',
  expected: 'made anew from the log while the platform runs; equal to the fold of the events',
  boundMs: 90_000,
  skippedBecause: async ({ load }) => ((await listConsumers(load.stage.api)) === undefined ? 'this platform has no /api/v1/consumers' : undefined),
  async inject({ world, injected }) {
    await world.database.query('drop table api.application_status');
    injected('table of a projection dropped');
    await eventually(
      'the table is there again',
      async () => {
        const { rows } = await world.database.query<{ found: boolean }>(`select to_regclass('api.application_status') is not null as found`);
        return rows[0]?.found === true ? true : undefined;
      },
      60_000,
    );
  },
  async check({ load, verify }) {
    const { api } = load.stage;
    const rebuilt = await runOf(api, name, 'rebuild');
    verify('it can be rebuilt beside the live one and swapped', rebuilt.state === 'done', JSON.stringify(rebuilt));
  },
};
