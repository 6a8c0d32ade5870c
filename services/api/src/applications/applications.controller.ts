import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { AppError } from '@plumbline/contracts';
import type { Application, ResourceTree } from '@plumbline/contracts';
import type { FastifyRequest } from 'fastify';
import { callerOf } from '../access/callers.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';
import type { Asker } from './application-commands.ts';
import { findApplication, listApplications } from './applications.ts';
import { applyFieldMask } from './field-mask.ts';
import { sayMoment } from '../history/history.controller.ts';
import { manifestsOf, resourceTreeOf } from './rendered.ts';
import type { ManifestsAnswer } from './rendered.ts';
import { applicationBody, flag, one, parse, syncRequest } from './requests.ts';
import type { RawQuery } from './requests.ts';

@Controller('api/v1/applications')
export class ApplicationsController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  @Get()
  async list(@Req() request: object, @Query() query: RawQuery): Promise<unknown> {
    const { catalogue, namespace } = this.#ready();
    const caller = callerOf(request);
    const projects = [...all(query['projects']), ...all(query['project'])].filter((project) => project !== '');
    const [name, selector, repo, appNamespace] = ['name', 'selector', 'repo', 'appNamespace'].map((key) => one(query, key));
    const items = listApplications(catalogue, namespace, caller, { name, projects, selector, repo, appNamespace });
    if (name !== undefined && name !== '') for (const item of items) await this.#refresh(request, item.metadata.name, query);
    return applyFieldMask({ metadata: { resourceVersion: catalogue.resourceVersion() }, items }, one(query, 'fields'));
  }

  @Post()
  @HttpCode(200)
  async create(@Req() request: object, @Body() body: unknown, @Query() query: RawQuery): Promise<Application> {
    const options = { upsert: flag(one(query, 'upsert'), false), validate: flag(one(query, 'validate'), true) };
    return this.#ready().commands.create(askerOf(request), parse(applicationBody, body, 'application'), options);
  }

  @Get(':name')
  async get(@Req() request: object, @Param('name') name: string, @Query() query: RawQuery, @Res({ passthrough: true }) reply: unknown): Promise<unknown> {
    const at = one(query, 'at');
    if (at !== undefined) {
      if (one(query, 'refresh') !== undefined) throw new AppError('invalid-argument', 'refresh is about now, at about then: give one of them');
      const { application, moment } = await this.#ready().history.at(callerOf(request), name, at);
      sayMoment(reply, moment);
      return applyFieldMask(application, one(query, 'fields'));
    }
    const refreshed = await this.#refresh(request, name, query);
    return applyFieldMask(refreshed ?? this.#find(request, name, query), one(query, 'fields'));
  }

  @Put(':name')
  async update(@Req() request: object, @Param('name') name: string, @Body() body: unknown, @Query() query: RawQuery): Promise<Application> {
    return this.#ready().commands.update(askerOf(request), name, parse(applicationBody, body, 'application'), { validate: flag(one(query, 'validate'), true) });
  }

  @Delete(':name')
  async remove(@Req() request: object, @Param('name') name: string, @Query() query: RawQuery): Promise<Record<string, never>> {
    const propagationPolicy = one(query, 'propagationPolicy') ?? 'foreground';
    if (!['foreground', 'background'].includes(propagationPolicy)) throw new AppError('invalid-argument', 'propagationPolicy is foreground or background');
    await this.#ready().commands.remove(askerOf(request), name, { cascade: flag(one(query, 'cascade'), true), propagationPolicy });
    return {};
  }

  @Delete(':name/operation')
  async terminate(@Req() request: object, @Param('name') name: string): Promise<Record<string, never>> {
    await this.#ready().commands.terminate(askerOf(request), name);
    return {};
  }

  @Post(':name/sync')
  @HttpCode(200)
  async sync(@Req() request: object, @Param('name') name: string, @Body() body: unknown): Promise<Application> {
    return this.#ready().commands.sync(askerOf(request), name, parse(syncRequest, body ?? {}, 'sync request'));
  }

  @Get(':name/manifests')
  async manifests(@Req() request: object, @Param('name') name: string, @Query() query: RawQuery): Promise<ManifestsAnswer> {
    const { catalogue, blobs } = this.#ready();
    return manifestsOf(this.#find(request, name, query), one(query, 'revision'), catalogue, blobs);
  }

  @Get(':name/resource-tree')
  async resourceTree(@Req() request: object, @Param('name') name: string, @Query() query: RawQuery): Promise<ResourceTree> {
    return resourceTreeOf(this.#find(request, name, query), callerOf(request), this.#ready());
  }

  #find(request: object, name: string, query: RawQuery): Application {
    const application = findApplication(this.#ready().catalogue, callerOf(request), name, 'get');
    const projects = [...all(query['project']), ...all(query['projects'])].filter((project) => project !== '');
    if (projects.length > 0 && !projects.includes(application.spec.project))
      throw new AppError('not-found', `application ${name} is not in project ${projects.join(', ')}`);
    return application;
  }

  async #refresh(request: object, name: string, query: RawQuery): Promise<Application | undefined> {
    const kind = one(query, 'refresh');
    if (kind === undefined || kind === '') return undefined;
    if (kind !== 'normal' && kind !== 'hard' && kind !== 'true') throw new AppError('invalid-argument', 'refresh is normal or hard');
    return this.#ready().commands.refresh(callerOf(request), name, kind === 'hard' ? 'hard' : 'normal');
  }

  /** Before the first complete list nobody may be told that an application isn't there. */
  #ready(): Door {
    if (!this.#door.catalogue.isKnown()) throw new AppError('unavailable', 'applications are not known yet; try again in a moment', { retry: 'later' });
    return this.#door;
  }
}

const askerOf = (request: object): Asker => ({ caller: callerOf(request), from: (request as FastifyRequest).ip });

const all = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat());
