import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { AppError } from '@plumbline/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../access/callers.ts';
import type { Caller } from '../access/authentication.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';
import { limits } from '../limits.ts';
import { parseEventQuery, readEventPage, wholeNumber } from './event-page.ts';
import type { EventPage, EventQuery } from './event-page.ts';
import { pause, streamEvents } from './event-stream.ts';
import { demandExport, exportEvents, parseExportQuery } from './export.ts';
import { subscribe } from './subscription.ts';

@Controller('api/v1/events')
export class EventsController {
  readonly #door: Door;
  #exports = 0;

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
    const isStream = (request.headers.accept ?? '').includes('text/event-stream');
    const { generation, ...rest } = query;
    const wanted = parseEventQuery(isStream ? rest : query, this.#door.namespace);
    if (!isStream && wanted.waitSeconds === 0) return readEventPage(this.#door.events, caller, wanted);
    return this.#door.watchers.hold(() =>
      this.#whileConnected(reply, async (signal) => {
        if (!isStream) return this.#waitForPage(caller, wanted, signal);
        const resume = request.headers['last-event-id'];
        const after = resume === undefined ? wanted.after : wholeNumber('after', resume);
        await this.#stream(reply, caller, { ...wanted, after, ...(typeof generation === 'string' ? { generation } : {}) }, signal);
        return undefined;
      }),
    );
  }

  /** Reading the record is recorded. */
  @Get('export')
  async export(@Req() incoming: unknown, @Query() query: Record<string, unknown>, @Res({ passthrough: true }) outgoing: unknown): Promise<void> {
    const request = incoming as FastifyRequest;
    const reply = outgoing as FastifyReply;
    const caller = callerOf(request);
    const wanted = parseExportQuery(query, this.#door.namespace);
    demandExport(caller, wanted.filter);
    if (this.#exports >= limits.exportsMax) throw new AppError('resource-exhausted', 'too many exports at once; try again later', { retry: 'later' });
    this.#exports++;
    try {
      await this.#door.recordExport({ subject: caller.subject, from: request.ip, parameters: query });
      await this.#whileConnected(reply, (signal) =>
        this.#hijacked(reply, () => exportEvents(reply.raw, wanted, { ...this.#door.events, eventLog: this.#door.chain, caller, signal })),
      );
    } finally {
      this.#exports--;
    }
  }

  async #whileConnected<T>(reply: FastifyReply, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    reply.raw.on('close', onClose);
    try {
      return await work(AbortSignal.any([gone.signal, this.#door.shutdown]));
    } finally {
      reply.raw.off('close', onClose);
    }
  }

  async #waitForPage(caller: Caller, { after, limit, filter, waitSeconds }: EventQuery, signal: AbortSignal): Promise<EventPage> {
    const { events, headWatch } = this.#door;
    const endsAt = performance.now() + waitSeconds * 1000;
    for (let position = after; ;) {
      const page = await readEventPage(events, caller, { after: position, limit, filter });
      const leftMs = endsAt - performance.now();
      if (page.events.length > 0 || leftMs <= 0 || signal.aborted) return page;
      // Behind the head without progress: the projection is a moment behind, or somebody asks from beyond the end.
      if (page.next === position && page.head > position) await pause(limits.projectionPauseMs, signal);
      else if (page.next >= page.head) await headWatch.waitFor(page.next, leftMs, signal);
      position = page.next;
    }
  }

  async #stream(reply: FastifyReply, caller: Caller, wanted: EventQuery & { generation?: string }, signal: AbortSignal): Promise<void> {
    const { authenticate, events, tail } = this.#door;
    const deliveries = subscribe({ ...events, tail, signal, renew: () => authenticate(caller.token) }, wanted);
    await this.#hijacked(reply, () => streamEvents(reply.raw, deliveries, signal));
  }

  /** Writes the raw response; what fails before its first byte is answered as every other error. */
  async #hijacked(reply: FastifyReply, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!reply.raw.headersSent) throw error;
    }
    // The status is sent: all that can be said is to end it. The client comes back and is told why.
    reply.hijack();
    reply.raw.destroy();
  }
}
