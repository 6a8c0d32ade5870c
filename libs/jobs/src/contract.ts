import { AppError } from '@plumbline/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobQueue, Jobs } from './port.ts';

const soon = { timeout: 20_000, interval: 20 };

/** What every kind of job queue must do. */
export function describeJobsContract(title: string, connect: () => Promise<Jobs>): void {
  describe(`jobs contract: ${title}`, () => {
    let jobs: Jobs;
    let count = 0;
    beforeAll(async () => {
      jobs = await connect();
    });
    afterAll(async () => {
      await jobs.close();
    });

    /** A queue of its own with a worker that writes down what it is given. */
    const worked = (options?: {
      attemptsMax?: number;
      backoffMs?: number;
      fail?: (key: string, run: number) => boolean;
      hold?: Promise<void>;
    }): { queue: JobQueue; name: string; ran: string[] } => {
      const name = `contract-${++count}`;
      const ran: string[] = [];
      jobs.work(
        name,
        async (key) => {
          ran.push(key);
          if (options?.fail?.(key, ran.length) === true) throw new AppError('unavailable', 'not yet');
          await options?.hold;
        },
        { concurrency: 4, backoffMs: options?.backoffMs ?? 20, ...(options?.attemptsMax === undefined ? {} : { attemptsMax: options.attemptsMax }) },
      );
      return { queue: jobs.queue(name), name, ran };
    };

    it('runs a job by its key, whatever the key looks like, and again when it is added again', async () => {
      const { queue, ran } = worked();
      const keys = ['application-argocd/demo/0c3d', 'https://git.example.com:8443/a b?x=%3A', '42', '0', 'ü:é:日本', ':', 'repeat:x:1'];
      for (const key of keys) await queue.add(key);
      await expect.poll(() => [...ran].sort(), soon).toEqual([...keys].sort());
      await expect
        .poll(async () => {
          await queue.add('42');
          return ran.filter((key) => key === '42').length;
        }, soon)
        .toBeGreaterThan(1);
    });

    it('adds once while a job waits, and while it runs', async () => {
      const name = `contract-${++count}`;
      const queue = jobs.queue(name);
      for (let i = 0; i < 3; i++) await queue.add('a');
      let release: () => void = () => undefined;
      const hold = new Promise<void>((resolve) => (release = resolve));
      const ran: string[] = [];
      jobs.work(name, async (key) => {
        ran.push(key);
        await hold;
      });
      await expect.poll(() => ran, soon).toEqual(['a']);
      await queue.add('a');
      await queue.add('b');
      await expect.poll(() => ran, soon).toEqual(['a', 'b']);
      release();
      await queue.add('c');
      await expect.poll(() => ran, soon).toEqual(['a', 'b', 'c']);
    });

    it('moves a waiting job to a new time, sooner or later, and adds it when there is none', async () => {
      const { queue, ran } = worked();
      await queue.add('later', { delayMs: 600_000 });
      await queue.reschedule('later', 0);
      await queue.reschedule('fresh', 0);
      await expect.poll(() => [...ran].sort(), soon).toEqual(['fresh', 'later']);
      await queue.add('postponed', { delayMs: 300 });
      await queue.reschedule('postponed', 600_000);
      await queue.add('mark', { delayMs: 600 });
      await expect.poll(() => ran, soon).toContain('mark');
      expect(ran).not.toContain('postponed');
    });

    it('cancels a waiting job', async () => {
      const { queue, ran } = worked();
      await queue.add('cancelled', { delayMs: 200 });
      await queue.cancel('cancelled');
      await queue.cancel('never there');
      await queue.add('mark', { delayMs: 400 });
      await expect.poll(() => ran, soon).toEqual(['mark']);
    });

    it('repeats a key until it is cancelled, and tells which it repeats', async () => {
      const { queue, ran } = worked();
      await queue.every('repo:1', 50);
      await queue.every('repo:2', 600_000);
      await queue.every('repo:1', 50);
      await expect.poll(() => ran.filter((key) => key === 'repo:1').length, soon).toBeGreaterThanOrEqual(3);
      expect((await queue.recurring()).sort()).toEqual(['repo:1', 'repo:2']);
      expect(ran).toContain('repo:2');
      await queue.cancel('repo:1');
      await queue.cancel('repo:2');
      expect(await queue.recurring()).toEqual([]);
      // One that was on its way may still come; then no more.
      await queue.add('mark', { delayMs: 300 });
      await expect.poll(() => ran, soon).toContain('mark');
      const before = ran.length;
      await queue.add('mark 2', { delayMs: 300 });
      await expect.poll(() => ran, soon).toContain('mark 2');
      expect(ran.slice(before)).toEqual(['mark 2']);
    });

    it('changes the interval of a repeated key', async () => {
      const { queue, ran } = worked();
      await queue.every('a', 600_000);
      await queue.every('a', 50);
      await expect.poll(() => ran.length, soon).toBeGreaterThanOrEqual(4);
      await queue.cancel('a');
    });

    it('tries again after a failure, and gives up after the last attempt', async () => {
      const { queue, ran } = worked({ attemptsMax: 3, fail: (key, run) => key === 'never' || run < 3 });
      await queue.add('third time');
      await expect.poll(() => ran, soon).toEqual(['third time', 'third time', 'third time']);
      await queue.add('never');
      await expect.poll(() => ran.filter((key) => key === 'never').length, soon).toBe(3);
      // Given up is gone: it can be added again.
      await expect
        .poll(async () => {
          await queue.add('never');
          return ran.filter((key) => key === 'never').length;
        }, soon)
        .toBeGreaterThan(3);
    });

    it('refuses an empty key and one that is too long', async () => {
      const { queue } = worked();
      for (const key of ['', 'x'.repeat(513)]) {
        const refused = await queue.add(key).then(
          () => undefined,
          (error: unknown) => AppError.from(error).code,
        );
        expect(refused).toBe('invalid-argument');
      }
    });
  });
}
