import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { AppError, canonicalJson, errorCodeTable } from '@plumbline/contracts';
import type { Logger, RecordedEvent } from '@plumbline/contracts';
import { EventSchema, EventService, ListResponseSchema, SubscribeResponseSchema } from '@plumbline/contracts/proto/events';
import type { Event, EventFilter as FilterMessage, ListRequest, ListResponse, SubscribeRequest, SubscribeResponse } from '@plumbline/contracts/proto/events';
import { tokenOf } from '../access/authentication.ts';
import type { Door } from '../door.ts';
import { parseEventFilter } from '../events/event-filter.ts';
import type { EventFilter } from '../events/event-filter.ts';
import { parseEventQuery, readEventPage } from '../events/event-page.ts';
import { subscribe } from '../events/subscription.ts';
import type { SubscriptionMessage } from '../events/subscription.ts';
import type { TailEvent } from '../events/event-tail.ts';

/** `plumbline.v1.EventService` over the same subscriptions, filters and rights as the REST API. */
export function routeEvents(router: ConnectRouter, door: Door, log: Logger): void {
  router.service(EventService, {
    list: (request, context) =>
      list(request, context, door).catch((error: unknown) => {
        throw connectError(error, log);
      }),
    subscribe: (request, context) => follow(request, context, door, log),
  });
}

async function list(request: ListRequest, context: HandlerContext, door: Door): Promise<ListResponse> {
  const caller = await door.authenticate(tokenFrom(context));
  const { after, limit } = parseEventQuery({ after: String(request.after), ...(request.limit === 0 ? {} : { limit: String(request.limit) }) }, door.namespace);
  const page = await readEventPage(door.events, caller, { after, limit, filter: filterOf(request.filter, door) });
  const events = page.events.map(({ data, time, correlation = '', causation = '', position, ...event }) =>
    create(EventSchema, { ...event, position: BigInt(position), time, correlation, causation, data: canonicalJson(data) }),
  );
  return create(ListResponseSchema, { events, next: BigInt(page.next), head: BigInt(page.head), generation: page.generation });
}

async function* follow(request: SubscribeRequest, context: HandlerContext, door: Door, log: Logger): AsyncGenerator<SubscribeResponse> {
  const signal = AbortSignal.any([context.signal, door.shutdown]);
  let release: (() => void) | undefined;
  try {
    const caller = await door.authenticate(tokenFrom(context));
    const { after } = parseEventQuery({ after: String(request.after) }, door.namespace);
    const query = { after, filter: filterOf(request.filter, door), ...(request.generation === '' ? {} : { generation: request.generation }) };
    release = door.watchers.take();
    const parts = { ...door.events, tail: door.tail, signal, renew: () => door.authenticate(caller.token) };
    for await (const message of subscribe(query, parts)) yield* responsesOf(message);
  } catch (error) {
    throw connectError(error, log);
  } finally {
    release?.();
  }
  // The server ends: whoever follows comes back to another replica.
  if (!context.signal.aborted) throw new ConnectError('the server is stopping: subscribe again after the last position', Code.Unavailable);
}

function* responsesOf(message: SubscriptionMessage): Generator<SubscribeResponse> {
  switch (message.kind) {
    case 'events':
      for (const event of message.events) yield eventResponse(event);
      return;
    case 'progress': {
      const { position, head, generation } = message;
      yield create(SubscribeResponseSchema, { kind: { case: 'progress', value: { position: BigInt(position), head: BigInt(head), generation } } });
      return;
    }
    case 'generation-changed': {
      const { generation, resumeAfter } = message;
      yield create(SubscribeResponseSchema, { kind: { case: 'generationChanged', value: { generation, resumeAfter: BigInt(resumeAfter) } } });
    }
  }
}

/** One message object for all who get the event. */
const responses = new WeakMap<TailEvent, SubscribeResponse>();

function eventResponse(entry: TailEvent): SubscribeResponse {
  let response = responses.get(entry);
  if (response === undefined) {
    response = create(SubscribeResponseSchema, { kind: { case: 'event', value: eventMessage(entry.event) } });
    responses.set(entry, response);
  }
  return response;
}

function eventMessage({ position, id, stream, version, type, at, metadata, data }: RecordedEvent): Event {
  const { actor, schemaVersion, correlation = '', causation = '' } = metadata;
  return create(EventSchema, {
    position: BigInt(position),
    id,
    stream,
    version,
    type,
    time: at,
    actor,
    data: canonicalJson(data),
    schemaVersion,
    correlation,
    causation,
  });
}

function filterOf(filter: FilterMessage | undefined, door: Door): EventFilter {
  if (filter === undefined) return {};
  const { categories: category, applications: application, projects: project, types: type } = filter;
  return parseEventFilter({ category, application, project, type }, door.namespace);
}

const tokenFrom = ({ requestHeader }: HandlerContext): string | undefined =>
  tokenOf({ authorization: requestHeader.get('authorization') ?? undefined, cookie: requestHeader.get('cookie') ?? undefined });

/** By the one table of codes; what broke inside is logged and says no more than its code. */
function connectError(error: unknown, log: Logger): ConnectError {
  if (error instanceof ConnectError) return error;
  const { code, message } = AppError.from(error);
  if (code === 'internal') log.error('a call failed', { error });
  return new ConnectError(code === 'internal' ? 'internal error' : message, codes.get(errorCodeTable[code].grpc) ?? Code.Internal);
}

/** By google.rpc's numbers, which are those of the table. */
const codes: ReadonlyMap<number, Code> = new Map(Object.values(Code).flatMap((code) => (typeof code === 'number' ? [[Number(code), code] as const] : [])));
