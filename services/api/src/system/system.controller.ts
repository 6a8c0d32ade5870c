import { Controller, Get, Inject } from '@nestjs/common';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';

@Controller('api')
export class SystemController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  @Get('version')
  version(): { Version: string } {
    return { Version: `v${this.#door.version}` };
  }

  /** What Argo CD's clients look at to know what they may offer. */
  @Get('v1/settings')
  settings(): Record<string, unknown> {
    return {
      appLabelKey: 'app.kubernetes.io/instance',
      trackingMethod: 'annotation',
      controllerNamespace: this.#door.namespace,
      userLoginsDisabled: false,
      statusBadgeEnabled: false,
      execEnabled: false,
      appsInAnyNamespaceEnabled: false,
      impersonationEnabled: false,
      kustomizeVersions: [],
      plugins: [],
    };
  }
}
