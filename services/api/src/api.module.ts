import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { ApplicationsController } from './applications/applications.controller.ts';
import { ConsumersController } from './consumers/consumers.controller.ts';
import { DOOR } from './door.ts';
import type { Door } from './door.ts';
import { EventsController } from './events/events.controller.ts';
import { HistoryController } from './history/history.controller.ts';
import { ProjectsController } from './projects/projects.controller.ts';
import { SessionController } from './session/session.controller.ts';
import { SubscriptionsController } from './subscriptions/subscriptions.controller.ts';
import { SystemController } from './system/system.controller.ts';
import { WebhookController } from './webhook/webhook.controller.ts';

@Module({})
export class ApiModule {
  static with(door: Door): DynamicModule {
    return {
      module: ApiModule,
      controllers: [
        ApplicationsController,
        ConsumersController,
        EventsController,
        HistoryController,
        ProjectsController,
        SessionController,
        SystemController,
        WebhookController,
        SubscriptionsController,
      ],
      providers: [{ provide: DOOR, useValue: door }],
    };
  }
}
