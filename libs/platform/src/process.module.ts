import type { DynamicModule, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { HEALTH } from './health.ts';
import type { Health } from './health.ts';
import { HealthController } from './health.controller.ts';

/** The root of a process: health and metrics, and the service's own module if it has HTTP of its own. */
@Module({})
export class ProcessModule {
  static with(health: Health, serviceModule: DynamicModule | Type | undefined): DynamicModule {
    return {
      module: ProcessModule,
      imports: serviceModule === undefined ? [] : [serviceModule],
      controllers: [HealthController],
      providers: [{ provide: HEALTH, useValue: health }],
    };
  }
}
