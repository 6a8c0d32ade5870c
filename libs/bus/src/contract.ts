import { AppError, requestBytesMax } from '@plumbline/contracts';
import type { RequestContract } from '@plumbline/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from './port.ts';

/** A schema by hand: the suite needs what zod offers, not zod. */
const greet = contractOf('greet', (body) =>
  typeof body === 'object' && body !== null && typeof (body as { name?: unknown }).name === 'string' ? undefined : 'name',
);
const anything = (): undefined => undefined;

/** What every bus must do. `connect` makes another participant of the same network; `close` of all is the suite's. */
export function describeBusContract(title: string, connect: () => Promise<Bus>): void {
  describe(`bus contract: ${title}`, () => {
    let here: Bus;
    let there: Bus;
    beforeAll(async () => {
      [here, there] = await Promise.all([connect(), connect()]);
    });
    afterAll(async () => {
      await Promise.all([here, there].map((bus) => bus.close()));
    });

    it('carries a question, its token and the answer', async () => {
      there.serve(greet, async (request, context) => ({ said: `hello ${String((request as { name: string }).name)}`, token: context.token ?? 'none' }));
      await answers(here, greet, { name: 'ready?' });
      expect(await here.call(greet, { name: 'Ada' }, { token: 'abc' })).toEqual({ said: 'hello Ada', token: 'abc' });
      expect(await here.call(greet, { name: 'Ada' })).toEqual({ said: 'hello Ada', token: 'none' });
    });

    it('refuses a request out of contract at the receiver and names the field', async () => {
      const refused = await failure(here.call(greet, { name: 7 }));
      expect(refused).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('name') as string });
    });

    it("throws the responder's error as it is, and hides what a foreign error says", async () => {
      const verb = contractOf('fail', anything);
      there.serve(verb, async (request) => {
        if ((request as { foreign: boolean }).foreign) throw new Error('password is hunter2');
        throw new AppError('not-found', 'no such thing', { details: { name: 'x' }, retry: 'later' });
      });
      await answers(here, verb, { foreign: false });
      expect(await failure(here.call(verb, { foreign: false }))).toMatchObject({
        code: 'not-found',
        message: 'no such thing',
        details: { name: 'x' },
        retry: 'later',
      });
      const hidden = await failure(here.call(verb, { foreign: true }));
      expect(hidden.code).toBe('internal');
      expect(JSON.stringify(hidden)).not.toContain('hunter2');
    });

    it('says unavailable when nobody answers', async () => {
      expect(await failure(here.call(contractOf('nobody', anything), {}))).toMatchObject({ code: 'unavailable', retry: 'later' });
    });

    it('gives up at the deadline', async () => {
      const verb = contractOf('sleep', anything);
      let wake: () => void = () => undefined;
      there.serve(verb, (request) =>
        (request as { awake?: boolean }).awake === true ? Promise.resolve({}) : new Promise((resolve) => (wake = () => resolve({}))),
      );
      await answers(here, verb, { awake: true });
      expect(await failure(here.call(verb, {}, { deadlineMs: 30 }))).toMatchObject({ code: 'deadline-exceeded', retry: 'later' });
      wake();
    });

    it('refuses more than 64 KiB, both ways', async () => {
      const verb = contractOf('grow', anything);
      there.serve(verb, async (request) => ({ text: 'x'.repeat((request as { size: number }).size) }));
      await answers(here, verb, { size: 1 });
      expect(await failure(here.call(verb, { size: requestBytesMax }))).toMatchObject({ code: 'too-large' });
      expect(await failure(here.call(verb, { size: 1, text: 'x'.repeat(requestBytesMax) }))).toMatchObject({ code: 'too-large' });
      expect(await here.call(verb, { size: 1000 })).toEqual({ text: 'x'.repeat(1000) });
    });

    it('delivers a message to every subscriber until it unsubscribes, and survives a listener that throws', async () => {
      const got: unknown[] = [];
      const stop = here.subscribe('news', () => {
        throw new Error('this listener is broken');
      });
      here.subscribe('news', (body) => got.push(body));
      there.subscribe('news', (body) => got.push(body));
      await expect
        .poll(() => {
          there.publish('news', { n: 1 });
          return got.length;
        })
        .toBeGreaterThanOrEqual(2);
      expect(got).toContainEqual({ n: 1 });
      stop();
    });

    it('lets one of the replicas answer', async () => {
      const verb = contractOf('once', anything);
      let answered = 0;
      for (const bus of [here, there]) {
        bus.serve(verb, async () => {
          answered++;
          return {};
        });
      }
      await answers(here, verb, {});
      answered = 0;
      await Promise.all(Array.from({ length: 20 }, () => here.call(verb, {})));
      expect(answered).toBe(20);
    });

    it('takes messages without complaint when it is closed, answers what it was asked before, and calls fail', async () => {
      const [closing, other] = await Promise.all([connect(), connect()]);
      const verb = contractOf('last', anything);
      let finish: () => void = () => undefined;
      let asked: () => void = () => undefined;
      const isAsked = new Promise<void>((resolve) => (asked = resolve));
      closing.serve(verb, (request) => {
        if ((request as { now?: boolean }).now === true) return Promise.resolve({ done: true });
        asked();
        return new Promise((resolve) => (finish = () => resolve({ done: true })));
      });
      await answers(other, verb, { now: true });
      const last = other.call(verb, {});
      await isAsked;
      const closed = closing.close();
      finish();
      expect(await last).toEqual({ done: true });
      await closed;
      expect(closing.isConnected()).toBe(false);
      closing.publish('news', {});
      expect(await failure(closing.call(greet, { name: 'Ada' }))).toMatchObject({ code: 'unavailable' });
      await other.close();
    });
  });
}

/** A subscription travels to the server on its own: ask until somebody is there. */
async function answers(bus: Bus, contract: RequestContract, request: unknown): Promise<void> {
  await expect
    .poll(async () =>
      bus.call(contract, request).then(
        () => 'answers',
        (error: unknown) => AppError.from(error).code,
      ),
    )
    .not.toBe('unavailable');
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  return promise.then(
    () => expect.fail('should have failed'),
    (error: unknown) => AppError.from(error),
  );
}

function contractOf(verb: string, wrongField: (body: unknown) => string | undefined): RequestContract {
  const schema = (check: (body: unknown) => string | undefined): unknown => ({
    safeParse: (data: unknown) => {
      const field = check(data);
      return field === undefined ? { success: true, data } : { success: false, error: { issues: [{ path: [field], message: 'Invalid input' }] } };
    },
  });
  return { service: 'tester', verb, deadlineMs: 5_000, request: schema(wrongField), reply: schema(() => undefined) } as unknown as RequestContract;
}
