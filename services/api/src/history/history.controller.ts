import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { callerOf } from '../access/callers.ts';
import { one } from '../applications/requests.ts';
import type { RawQuery } from '../applications/requests.ts';
import type { Explanation } from '../domain/explain.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';
import type { Moment } from './history.ts';
import { parseOperationQuery } from './operations.ts';
import type { OperationPage } from './operations.ts';

@Controller('api/v1/applications')
export class HistoryController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  @Get(':name/explain')
  async explain(
    @Req() request: object,
    @Param('name') name: string,
    @Query() query: RawQuery,
    @Res({ passthrough: true }) reply: unknown,
  ): Promise<Explanation> {
    const { explanation, moment } = await this.#door.history.explain(callerOf(request), name, one(query, 'at'));
    sayMoment(reply, moment);
    return explanation;
  }

  @Get(':name/history')
  async operations(@Req() request: object, @Param('name') name: string, @Query() query: RawQuery): Promise<OperationPage> {
    return this.#door.history.operations(callerOf(request), name, parseOperationQuery(query));
  }
}

/** In headers: clients of Argo CD read the body strictly. */
export function sayMoment(reply: unknown, { position, time }: Moment): void {
  (reply as FastifyReply).header('x-plumbline-position', String(position)).header('x-plumbline-time', time);
}
