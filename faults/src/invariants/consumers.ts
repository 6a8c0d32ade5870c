import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import type { PlatformClient } from '@plumbline/testing/scenario';

interface Consumer {
  name: string;
  isProjection: boolean;
  run?: { kind: string; state: string; startedAt: string; message: string };
}

const path = '/api/v1/consumers';
const waitMs = 60_000;

/** Undefined: this platform does not show its consumers. */
export async function listConsumers(api: PlatformClient): Promise<Consumer[] | undefined> {
  const { status, body } = await api.call('GET', path);
  if (status === 404) return undefined;
  if (status !== 200) throw new AppError('unavailable', `GET ${path} answered ${status}`, { retry: 'later' });
  return (body as { items: Consumer[] }).items;
}

/** I6, by the platform's own means: every projection is built anew beside the live one and compared with it. */
export async function compareProjections(api: PlatformClient): Promise<string[]> {
  const consumers = await listConsumers(api);
  const problems: string[] = [];
  for (const { name } of (consumers ?? []).filter(({ isProjection }) => isProjection)) {
    const run = await runOf(api, name, 'compare');
    if (run.state !== 'done' || !run.message.includes('no difference')) problems.push(`I6: ${name} compared with the log: ${run.state}, ${run.message}`);
  }
  return problems;
}

/**
 * Begins a comparison or a rebuild and waits until it has ended. Streams that are parked stay parked in what is rebuilt:
 * another case may have left an event that cannot be applied.
 */
export async function runOf(api: PlatformClient, name: string, kind: 'compare' | 'rebuild'): Promise<{ state: string; message: string }> {
  const before = await lastRun(api, name);
  const deadline = Date.now() + waitMs;
  let answer = { status: 0, body: undefined as unknown };
  // Another run of this consumer may be under way, or its service just coming back.
  while (answer.status !== 202 && Date.now() < deadline) {
    answer = await api.call('POST', `${path}/${name}/${kind}`, { body: kind === 'rebuild' ? { acceptParked: true } : {} });
    if (answer.status !== 202) await sleep(500);
  }
  if (answer.status !== 202) return { state: `not begun: ${answer.status}`, message: JSON.stringify(answer.body) };
  while (Date.now() < deadline) {
    const run = await lastRun(api, name);
    if (run !== undefined && run.kind === kind && run.startedAt !== before?.startedAt && run.state !== 'running') return run;
    await sleep(100);
  }
  return { state: 'not ended', message: `after ${waitMs} ms` };
}

async function lastRun(api: PlatformClient, name: string): Promise<Consumer['run']> {
  return (await listConsumers(api).catch(() => undefined))?.find((consumer) => consumer.name === name)?.run;
}
