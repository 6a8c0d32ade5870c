import { Controller, Get, Inject, Param, Req } from '@nestjs/common';
import { AppError } from '@plumbline/contracts';
import type { KnownProject } from '../access/access-model.ts';
import { callerOf, permissionDenied } from '../access/callers.ts';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';

@Controller('api/v1/projects')
export class ProjectsController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  @Get()
  list(@Req() request: object): unknown {
    const { rights } = callerOf(request);
    const seen = this.#door.access.projects().filter((project) => rights.may('projects', 'get', project.name));
    return { metadata: {}, items: seen.sort((a, b) => (a.name < b.name ? -1 : 1)).map(shown) };
  }

  @Get(':name')
  get(@Req() request: object, @Param('name') name: string): unknown {
    const { rights } = callerOf(request);
    if (!rights.may('projects', 'get', name)) throw permissionDenied();
    const project = this.#door.access.project(name);
    if (project === undefined) throw new AppError('not-found', `project ${name} not found`);
    return shown(project);
  }
}

/** Ids of tokens are nobody's business but rbac's and the door's. */
function shown({ namespace, name, uid, spec }: KnownProject): unknown {
  const roles = spec.roles?.map(({ name: role, description, policies, groups }) => ({ name: role, description, policies, groups }));
  return { metadata: { name, namespace, uid }, spec: { ...spec, ...(roles === undefined ? {} : { roles }) } };
}
