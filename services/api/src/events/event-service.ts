import { ConnectError, createContextKey } from '@connectrpc/connect';
import type { Code, ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { create } from '@bufbuild/protobuf';
import { AppError, errorCodeTable } from '@plumbline/contracts';
import { EventService, SubscribeResponseSchema } from '@plumbline/contracts/events-proto';
import type { EventFilter as WantedFilter, ListRequest, SubscribeRequest, SubscribeResponse } from '@plumbline/contracts/events-proto';
import { httpErrorOf } from '@plumbline/platform';
import type { Caller } from '../access/authentication.ts';
import { tokenOf } from '../access/authentication.ts';
import type { Door } from '../door.ts';
import { parseEventFilter } from './event-filter.ts';
import { readEventPage, wholeNumber } from './event-page.ts';
import { eventMessage } from './wire-event.ts';
import { subscribe } from './subscription.ts';
import type { Delivery } from './subscription.ts';

/** Is told whenever a subscriber takes something, so that one that takes nothing can be cut. */
export interface Pulse {
  /** Something is offered. */
  offered(): void;
  taken(): void;
}

/** Where the transport leaves the pulse of its call. */
export const pulseKey = createContextKey<Pulse | undefined>(undefined);

type EventDoor = Pick<Door, 'authenticate' | 'events' | 'namespace' | 'shutdown' | 'tail' | 'watchers' | 'log'>;

/** plumbline.v1.EventService: for gRPC, gRPC-Web and Connect alike. Who calls and what they may see is decided as for REST. */
export function eventRoutes(router: ConnectRouter, door: EventDoor): void {
  router.service(EventService, {
    list: (request, context) => list(request, context, door).catch((error: unknown) => refuse(error, door)),
    subscribe: (request, context) => follow(request, context, door),
  });
}

async function list({ after, limit, filter }: ListRequest, context: HandlerContext, door: EventDoor) {
  const caller = await callerOf(context, door);
  const query = {
    after: wholeNumber('after', after),
    limit: wholeNumber('limit', limit === 0 ? undefined : limit),
    filter: filterOf(filter, door),
  };
  const page = await readEventPage(door.events, caller, query);
  return {
    events: page.events.map(({ data, time, actor, ...event }) =>
      eventMessage({ ...event, at: time, data, metadata: { actor, service: '', schemaVersion: 1 } }, JSON.stringify(data)),
    ),
    head: BigInt(page.head),
    generation: page.generation,
    next: BigInt(page.next),
  };
}

async function* follow(request: SubscribeRequest, context: HandlerContext, door: EventDoor): AsyncGenerator<SubscribeResponse> {
  const pulse = context.values.get(pulseKey);
  let release: (() => void) | undefined;
  try {
    const { token } = await callerOf(context, door);
    const wanted = {
      after: wholeNumber('after', request.after),
      filter: filterOf(request.filter, door),
      ...(request.generation === '' ? {} : { generation: request.generation }),
    };
    release = door.watchers.take();
    const signal = AbortSignal.any([context.signal, door.shutdown]);
    const parts = { ...door.events, tail: door.tail, signal, renew: () => door.authenticate(token) };
    for await (const delivery of subscribe(parts, wanted)) {
      pulse?.offered();
      if (delivery.kind === 'events') for (const event of delivery.batch.events) yield event.message();
      else yield messageOf(delivery);
      pulse?.taken();
    }
    if (!context.signal.aborted) throw new AppError('unavailable', 'the server is stopping; resume with another one', { retry: 'later' });
  } catch (error) {
    refuse(error, door);
  } finally {
    release?.();
  }
}

function messageOf(delivery: Exclude<Delivery, { kind: 'events' }>): SubscribeResponse {
  const { generation } = delivery;
  return create(SubscribeResponseSchema, {
    message:
      delivery.kind === 'head'
        ? { case: 'head', value: { position: BigInt(delivery.position), head: BigInt(delivery.head), generation } }
        : { case: 'generationChanged', value: { generation, resumeFrom: BigInt(delivery.resumeFrom) } },
  });
}

const callerOf = ({ requestHeader }: HandlerContext, door: EventDoor): Promise<Caller> =>
  door.authenticate(tokenOf({ authorization: requestHeader.get('authorization') ?? undefined, cookie: requestHeader.get('cookie') ?? undefined }));

function filterOf(filter: WantedFilter | undefined, door: EventDoor) {
  const given = (values: readonly string[] | undefined) => (values === undefined || values.length === 0 ? undefined : values);
  return parseEventFilter(
    { category: given(filter?.categories), application: given(filter?.applications), project: given(filter?.projects), type: given(filter?.types) },
    door.namespace,
  );
}

/** The same codes and the same sentences as over REST. */
function refuse(thrown: unknown, { log }: EventDoor): never {
  if (thrown instanceof ConnectError) throw thrown;
  const { body } = httpErrorOf(thrown, () => {
    const incident = crypto.randomUUID();
    log.error('call failed', { incident, error: thrown });
    return incident;
  });
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- Connect's codes have gRPC's numbers
  const code: Code = errorCodeTable[AppError.is(thrown) ? thrown.code : 'internal'].grpc;
  throw new ConnectError(body.message, code);
}
