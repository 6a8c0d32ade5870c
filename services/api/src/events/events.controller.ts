import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { AppError } from '@plumbline/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../access/authentication.ts';
import { callerOf } from '../access/callers.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';
import { limits } from '../limits.ts';
import { exportEvents, parseExportQuery } from './event-export.ts';
import { parseEventQuery, readEventPage, wholeNumber } from './event-page.ts';
import type { EventPage, EventQuery } from './event-page.ts';
import { writeStream } from './event-stream.ts';
import { pause, subscribe } from './subscription.ts';

@Controller('api/v1/events')
export class EventsController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  @Get()
  async events(
    @Req() incoming: unknown,
    @Query() query: Record<string, unknown>,
    @Res({ passthrough: true }) outgoing: unknown,
  ): Promise<EventPage | undefined> {
    const request = incoming as FastifyRequest;
    const reply = outgoing as FastifyReply;
    const caller = callerOf(request);
    const wanted = parseEventQuery(query, this.#door.namespace);
    if ((request.headers.accept ?? '').includes('text/event-stream')) {
      const resume = request.headers['last-event-id'];
      const resumed = resume === undefined ? wanted : { ...wanted, after: wholeNumber({ after: resume }, 'after') };
      await this.#whileOpen(reply, (signal) => this.#stream(reply, caller, resumed, signal));
      return undefined;
    }
    await this.#sameGeneration(wanted);
    if (wanted.waitSeconds === 0) return readEventPage(this.#door.events, caller, wanted);
    return this.#whileOpen(reply, (signal) => this.#waitForPage(caller, wanted, signal));
  }

  /** What is exported is noted in the log itself, before the first line. */
  @Get('export')
  async export(@Req() incoming: unknown, @Query() query: Record<string, unknown>, @Res({ passthrough: true }) outgoing: unknown): Promise<void> {
    const request = incoming as FastifyRequest;
    const reply = outgoing as FastifyReply;
    const caller = callerOf(request);
    const wanted = parseExportQuery(query, this.#door.namespace);
    await this.#door.noteExport({ caller, from: request.ip, parameters: { after: wanted.after, to: wanted.to ?? 'head', ...wanted.filter } });
    await this.#whileOpen(reply, async (signal) => {
      const writing = exportEvents(reply.raw, caller, wanted, { ...this.#door.events, signal });
      await writing.catch((error: unknown) => {
        if (!reply.raw.headersSent) throw error;
      });
      reply.hijack();
      reply.raw.end();
    });
  }

  /** A page has no room to say that positions mean something else now: it is refused, with where to go on. */
  async #sameGeneration({ after, generation }: EventQuery): Promise<void> {
    if (generation === undefined || after === 0) return;
    const { eventLog } = this.#door.events;
    const stands = await eventLog.resumeAfter(generation);
    const now = await eventLog.head();
    if (now.generation === generation || after <= stands) return;
    throw new AppError(
      'failed-precondition',
      `the log was recovered from an older copy: what came after position ${stands} in generation ${generation} is no longer true; go on from there`,
      { details: { generation: now.generation, resumeAfter: stands } },
    );
  }

  async #whileOpen<R>(reply: FastifyReply, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    const release = this.#door.watchers.take();
    reply.raw.on('close', onClose);
    try {
      return await work(AbortSignal.any([gone.signal, this.#door.shutdown]));
    } finally {
      release();
      reply.raw.off('close', onClose);
    }
  }

  async #waitForPage(caller: Caller, query: EventQuery, signal: AbortSignal): Promise<EventPage> {
    const { events, tail } = this.#door;
    const endsAt = performance.now() + query.waitSeconds * 1000;
    for (let after = query.after; ;) {
      const page = await readEventPage(events, caller, { ...query, after });
      const leftMs = endsAt - performance.now();
      if (page.events.length > 0 || leftMs <= 0 || signal.aborted) return page;
      // Behind the head without progress: the projection is a moment behind, or somebody asks from beyond the end.
      if (page.next === after && page.head > after) await pause(limits.projectionPauseMs, signal);
      else if (page.next >= page.head) await tail.waitFor(page.next, leftMs, signal);
      after = page.next;
    }
  }

  async #stream(reply: FastifyReply, caller: Caller, query: EventQuery, signal: AbortSignal): Promise<void> {
    const { authenticate, events, tail } = this.#door;
    // Refused with a status while that can be said.
    await tail.after(query.after);
    reply.hijack();
    try {
      await writeStream(reply.raw, subscribe(query, { ...events, tail, signal, renew: () => authenticate(caller.token) }), signal);
    } finally {
      reply.raw.destroy();
    }
  }
}
