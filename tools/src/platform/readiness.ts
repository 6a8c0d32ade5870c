import { setTimeout as sleep } from 'node:timers/promises';

import { limits } from './limits.ts';
import type { SupervisedService } from './service-process.ts';

/** Asks the services that are starting until they answer, for as long as the platform runs: they may start again. */
export async function watchReadiness(services: readonly SupervisedService[], stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    await Promise.all(services.filter(({ record }) => record.state === 'starting').map((service) => askOnce(service)));
    await sleep(limits.readyPollMs, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function askOnce(service: SupervisedService): Promise<void> {
  const asked = service.record.process;
  const answers = await Promise.all(service.urls.map((url) => answersReady(url)));
  // The answer is worth something only about the process that was asked.
  if (answers.every(Boolean) && service.record.process === asked) service.markReady();
}

async function answersReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(limits.readyAnswerMs) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

/** Resolves when all of them run; rejects when one keeps dying or time is up. */
export async function waitUntilReady(services: readonly SupervisedService[], stopped: AbortSignal): Promise<void> {
  const deadline = Date.now() + limits.readyMs;
  for (;;) {
    const waiting = services.filter(({ record }) => record.state !== 'running');
    if (waiting.length === 0) return;
    const dying = waiting.find(({ record }) => record.restarts >= limits.startAttemptsMax);
    if (dying) throw new NotReadyError(`${dying.record.name} does not start: it ended ${dying.record.restarts} times.`, dying.record.name);
    if (Date.now() > deadline) {
      const names = waiting.map(({ record }) => record.name).join(', ');
      throw new NotReadyError(`Not ready after ${limits.readyMs / 1000} s: ${names}.`, waiting[0]?.record.name ?? '');
    }
    await sleep(limits.readyPollMs, undefined, { signal: stopped });
  }
}

/** A service did not become ready; the end of its log says why. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
  readonly service: string;

  constructor(message: string, service: string) {
    super(message);
    this.service = service;
  }
}
