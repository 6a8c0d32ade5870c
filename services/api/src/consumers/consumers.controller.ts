import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { AppError, consumingServices, listConsumers, listParked, operateConsumer } from '@plumbline/contracts';
import type { ConsumerState, ConsumingService, ReplyOf, RequestOf } from '@plumbline/contracts';
import { z } from 'zod';
import { callerOf, demand } from '../access/callers.ts';
import { parse } from '../applications/requests.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';

const nothing = z.strictObject({}).nullish();
const stream = z.string().min(1).max(512);
const retryBody = z.strictObject({ stream });
const skipBody = z.strictObject({ stream, reason: z.string().trim().min(1, { error: 'say why: it is recorded' }).max(1_000) });
const rebuildBody = z.strictObject({ acceptParked: z.boolean().optional() }).nullish();
const parkedQuery = z.strictObject({ after: z.coerce.number().int().min(0).default(0) });

type Operation = RequestOf<ReturnType<typeof operateConsumer>>;
type Listed = ConsumerState & { service: string; lag: number };

/** Consumers of the log in all services: for admins. */
@Controller('api/v1/consumers')
export class ConsumersController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  /** Services that don't answer are named; the others are shown all the same. */
  @Get()
  async list(@Req() request: object, @Query() query: unknown): Promise<{ items: Listed[]; unanswered: string[] }> {
    parse(z.strictObject({}), query, 'the query');
    const caller = callerOf(request);
    demand(caller, 'projections', 'get', '*');
    const { bus, signCaller } = this.#door;
    const unanswered: string[] = [];
    const answers = await Promise.all(
      consumingServices.map(async (service): Promise<Listed[]> => {
        try {
          const { consumers } = await bus.call(listConsumers(service), {}, { token: await signCaller(caller, service) });
          return consumers.map((each) => ({ service, ...each, lag: Math.max(0, each.head - each.position) }));
        } catch (error) {
          if (!['unavailable', 'deadline-exceeded'].includes(AppError.from(error).code)) throw error;
          unanswered.push(service);
          return [];
        }
      }),
    );
    return { items: answers.flat().sort((a, b) => (a.name < b.name ? -1 : 1)), unanswered };
  }

  @Get(':name/parked')
  async parked(@Req() request: object, @Param('name') name: string, @Query() query: unknown): Promise<ReplyOf<ReturnType<typeof listParked>>> {
    const { after } = parse(parkedQuery, query, 'the query');
    const caller = callerOf(request);
    demand(caller, 'projections', 'get', name);
    const service = serviceOf(name);
    return this.#door.bus.call(listParked(service), { consumer: name, after }, { token: await this.#door.signCaller(caller, service) });
  }

  @Post(':name/parked/retry')
  @HttpCode(200)
  retry(@Req() request: object, @Param('name') consumer: string, @Body() body: unknown): Promise<object> {
    return this.#operate(request, consumer, () => ({ action: 'retry', consumer, ...parse(retryBody, body, 'the request') }));
  }

  @Post(':name/parked/skip')
  @HttpCode(200)
  skip(@Req() request: object, @Param('name') consumer: string, @Body() body: unknown): Promise<object> {
    return this.#operate(request, consumer, () => ({ action: 'skip', consumer, ...parse(skipBody, body, 'the request') }));
  }

  @Post(':name/rebuild')
  @HttpCode(202)
  rebuild(@Req() request: object, @Param('name') consumer: string, @Body() body: unknown): Promise<object> {
    return this.#operate(request, consumer, () => {
      const { acceptParked = false } = parse(rebuildBody, body, 'the request') ?? {};
      return { action: 'rebuild', consumer, acceptParked };
    });
  }

  @Post(':name/compare')
  @HttpCode(202)
  compare(@Req() request: object, @Param('name') consumer: string, @Body() body: unknown): Promise<object> {
    return this.#operate(request, consumer, () => {
      parse(nothing, body, 'the request');
      return { action: 'compare', consumer };
    });
  }

  async #operate(request: object, consumer: string, operation: () => Operation): Promise<object> {
    const caller = callerOf(request);
    demand(caller, 'projections', 'update', consumer);
    const service = serviceOf(consumer);
    return this.#door.bus.call(operateConsumer(service), operation(), { token: await this.#door.signCaller(caller, service) });
  }
}

function serviceOf(consumer: string): ConsumingService {
  const name = consumer.slice(0, Math.max(0, consumer.indexOf('.')));
  const service = consumingServices.find((each) => each === name);
  if (service === undefined) throw new AppError('not-found', `there is no consumer ${consumer}: a name begins with its service and a dot`);
  return service;
}
