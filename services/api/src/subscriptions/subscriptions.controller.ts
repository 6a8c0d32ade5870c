import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { callerOf } from '../access/callers.ts';
import type { Asker } from '../applications/application-commands.ts';
import { parse } from '../applications/requests.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';
import { refuseUnknown, wholeNumber } from '../events/event-page.ts';
import type { DeadLetter, WaitingStream } from './delivery-table.ts';
import { keyBody, replayBody, subscriptionBody, subscriptionPatch } from './subscription-commands.ts';
import type { Page, ShownSubscription, TestResult } from './subscription-commands.ts';

@Controller('api/v1/subscriptions')
export class SubscriptionsController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  @Get()
  async list(@Req() request: object): Promise<{ items: ShownSubscription[] }> {
    return { items: await this.#door.subscriptions.list(callerOf(request)) };
  }

  @Post()
  @HttpCode(201)
  async create(@Req() request: object, @Body() body: unknown): Promise<ShownSubscription & { secret: string }> {
    return this.#door.subscriptions.create(askerOf(request), parse(subscriptionBody, body, 'subscription'));
  }

  @Get(':name')
  async get(@Req() request: object, @Param('name') name: string): Promise<ShownSubscription> {
    return this.#door.subscriptions.get(callerOf(request), name);
  }

  @Patch(':name')
  async change(@Req() request: object, @Param('name') name: string, @Body() body: unknown): Promise<ShownSubscription> {
    return this.#door.subscriptions.change(askerOf(request), name, parse(subscriptionPatch, body, 'subscription'));
  }

  @Delete(':name')
  async remove(@Req() request: object, @Param('name') name: string): Promise<Record<string, never>> {
    await this.#door.subscriptions.remove(askerOf(request), name);
    return {};
  }

  @Post(':name/key')
  @HttpCode(200)
  async changeKey(@Req() request: object, @Param('name') name: string, @Body() body: unknown): Promise<{ secret?: string }> {
    return this.#door.subscriptions.changeKey(askerOf(request), name, parse(keyBody, body, 'key'));
  }

  @Post(':name/test')
  @HttpCode(200)
  async test(@Req() request: object, @Param('name') name: string): Promise<TestResult> {
    return this.#door.subscriptions.test(askerOf(request), name);
  }

  @Get(':name/deliveries')
  async deliveries(
    @Req() request: object,
    @Param('name') name: string,
    @Query() query: Record<string, unknown>,
  ): Promise<{ items: WaitingStream[]; next?: number }> {
    const page = pageOf(query);
    return answer(await this.#door.subscriptions.deliveries(callerOf(request), name, page), page);
  }

  @Get(':name/dead-letters')
  async deadLetters(
    @Req() request: object,
    @Param('name') name: string,
    @Query() query: Record<string, unknown>,
  ): Promise<{ items: DeadLetter[]; next?: number }> {
    const page = pageOf(query);
    return answer(await this.#door.subscriptions.deadLetters(callerOf(request), name, page), page);
  }

  @Post(':name/dead-letters/replay')
  @HttpCode(200)
  async replay(@Req() request: object, @Param('name') name: string, @Body() body: unknown): Promise<{ replayed: number }> {
    return { replayed: await this.#door.subscriptions.replay(askerOf(request), name, parse(replayBody, body, 'replay')) };
  }
}

function pageOf(query: Record<string, unknown>): Page {
  refuseUnknown(query, ['after', 'limit']);
  return { after: wholeNumber(query, 'after'), limit: wholeNumber(query, 'limit') };
}

function answer<T extends { position: number }>(items: T[], { limit }: Page): { items: T[]; next?: number } {
  const last = items.at(-1);
  return { items, ...(last === undefined || items.length < limit ? {} : { next: last.position }) };
}

const askerOf = (request: object): Asker => ({ caller: callerOf(request), from: (request as FastifyRequest).ip });
