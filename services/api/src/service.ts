/**
 * api is the door: REST in Argo CD's shapes, webhooks in, and the event log for whoever wants to know. It says who calls
 * (tokens that rbac made), asks libs/policy whether they may, records what they ask for, and declares it in the cluster.
 *
 * It owns its read models and nothing else: applications are the Application resources joined with the status that the
 * log tells. It never talks to Git, never renders, never applies anything but Applications.
 */
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import { defineService } from '@plumbline/platform';
import { startApi } from './api.ts';
import { apiVariables } from './config.ts';
import type { ApiConfig } from './config.ts';
import { CreateApiTables1767225600002, CreateHistoryTables1767225600104, CreateSubscriptionTables1767225600204 } from './migrations.ts';

export { openDoor } from './api.ts';
export type { Door } from './door.ts';

export const api = defineService<ApiConfig>({
  name: 'api',
  config: apiVariables,
  migrations: [CreateApiTables1767225600002, CreateHistoryTables1767225600104, CreateSubscriptionTables1767225600204],
  start: async (context) => {
    const { config, log, clock } = context;
    const connection = await loadConnection({ env: process.env, ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }) });
    return startApi(context, makeKubeClient({ connection, log, clock }));
  },
});
