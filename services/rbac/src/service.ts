/**
 * rbac says who may do what: it keeps projects and policy in the log as the cluster declares them, and turns passwords
 * into session tokens. At start it makes what an installation lacks (the accounts' Secret, the first password, the default
 * project, the settings).
 *
 * It never decides about a call: that is libs/policy, asked by whoever does the work. Passwords, hashes and the signing
 * key stay in the memory of this process and in the Secret.
 */
import { defineService } from '@plumbline/platform';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import { z } from 'zod';
import { makePasswordChecks } from './login/password-checks.ts';
import { CreateRbacTables1767225600001 } from './migrations.ts';
import { startRbac } from './rbac.ts';

export { startRbac } from './rbac.ts';
export type { PasswordChecks } from './login/password-checks.ts';

export const rbac = defineService({
  name: 'rbac',
  config: z.object({}),
  migrations: [CreateRbacTables1767225600001],
  start: async (context) => {
    const { config, log, clock } = context;
    const connection = await loadConnection({ env: process.env, ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }) });
    return startRbac(context, makeKubeClient({ connection, log, clock }), await makePasswordChecks());
  },
});
