import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { AppError } from '@plumbline/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../access/callers.ts';
import type { Caller } from '../access/authentication.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';
import { limits } from '../limits.ts';
import { parseEventQuery, readEventPage } from './event-page.ts';
import type { EventPage, EventQuery } from './event-page.ts';
import { pause, streamEvents } from './event-stream.ts';

@Controller('api/v1/events')
export class EventsController {
  readonly #door: Door;
  #watchers = 0;

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
    const wanted = parseEventQuery(query);
    const isStream = (request.headers.accept ?? '').includes('text/event-stream');
    if (!isStream && wanted.waitSeconds === 0) return readEventPage(this.#door.events, caller, wanted.after, wanted.limit);

    if (this.#watchers >= limits.eventWatchersMax) throw new AppError('resource-exhausted', 'too many open event streams; try again later', { retry: 'later' });
    this.#watchers++;
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    reply.raw.on('close', onClose);
    const signal = AbortSignal.any([gone.signal, this.#door.shutdown]);
    try {
      if (!isStream) return await this.#waitForPage(caller, wanted, signal);
      await this.#stream(request, reply, caller, wanted, signal);
      return undefined;
    } finally {
      this.#watchers--;
      reply.raw.off('close', onClose);
    }
  }

  async #waitForPage(caller: Caller, { after, limit, waitSeconds }: EventQuery, signal: AbortSignal): Promise<EventPage> {
    const { events, headWatch } = this.#door;
    const endsAt = performance.now() + waitSeconds * 1000;
    for (let position = after; ;) {
      const page = await readEventPage(events, caller, position, limit);
      const leftMs = endsAt - performance.now();
      if (page.events.length > 0 || leftMs <= 0 || signal.aborted) return page;
      // Behind the head without progress: the projection is a moment behind, or somebody asks from beyond the end.
      if (page.next === position && page.head > position) await pause(limits.projectionPauseMs, signal);
      else if (page.next >= page.head) await headWatch.waitFor(page.next, leftMs, signal);
      position = page.next;
    }
  }

  async #stream(request: FastifyRequest, reply: FastifyReply, caller: Caller, { after }: EventQuery, signal: AbortSignal): Promise<void> {
    const resume = request.headers['last-event-id'];
    const from = resume === undefined ? after : parseEventQuery({ after: resume }).after;
    const { authenticate, events, headWatch } = this.#door;
    reply.hijack();
    try {
      await streamEvents(reply.raw, from, { ...events, headWatch, signal, renew: () => authenticate(caller.token) });
    } catch {
      // The status is sent: all that can be said is to end it. The client comes back and is told why.
    } finally {
      reply.raw.destroy();
    }
  }
}
