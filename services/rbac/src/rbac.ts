import { randomUUID } from 'node:crypto';
import { logIn, logOut } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { RunningService, ServiceContext } from '@plumbline/platform';
import { bootstrap } from './bootstrap/bootstrap.ts';
import { watchDeclarations } from './declared/declarations.ts';
import { declarationsConsumer } from './declared/recorded.ts';
import { limits } from './limits.ts';
import { makeAttempts } from './login/attempts.ts';
import { makeSessions } from './login/log-in.ts';
import type { PasswordChecks } from './login/password-checks.ts';
import { makeReconciler } from './reconciler.ts';
import { watchControlSettings } from './settings/control-settings.ts';
import { sqlOf } from '@plumbline/platform';

/** The running service on a given API server. Ready when an installation is complete and the log agrees with it. */
export async function startRbac(context: ServiceContext, kube: KubeClient, passwords: PasswordChecks): Promise<RunningService> {
  const { bus, clock, config, eventLog, log } = context;
  const { namespace } = config;
  const event = context.event.bind(context);
  const database = sqlOf(context.database);
  const projection = await context.consume(declarationsConsumer);

  let isInstalled = false;
  const installer = makeReconciler({
    log,
    retryMsMin: limits.retryMsMin,
    retryMsMax: limits.retryMsMax,
    reconcile: async () => {
      await bootstrap({ kube, namespace, clock, log, hashPassword: passwords.hash });
      isInstalled = true;
    },
  });
  installer.enqueue('installation');

  const settings = watchControlSettings(kube, namespace);
  const declarations = watchDeclarations({ kube, namespace, settings, eventLog, database, projection, event, log });

  const sessions = makeSessions({ settings, attempts: makeAttempts(database, clock), passwords, eventLog, event, clock, log, newTokenId: randomUUID });
  bus.serve(logIn, sessions.logIn);
  bus.serve(logOut, sessions.logOut);

  return {
    isReady: () => isInstalled && declarations.isKnown(),
    stop: async () => {
      await installer.stop();
      await declarations.stop();
      await settings.stop();
      await kube.close();
    },
  };
}
