import { setTimeout as sleep } from 'node:timers/promises';
import type { ApplicationStatus } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { CaseContext } from '../cases/fault-case.ts';
import { limits } from '../limits.ts';
import { applicationName, objectName, objectPath } from '../load/workload.ts';

/** I9: waits until everything is as it should be; how long it took, and what is still outstanding after the bound. */
export async function converge(context: CaseContext, boundMs: number): Promise<{ tookMs: number; outstanding: string[] }> {
  const startedAt = performance.now();
  let quietSince: number | undefined;
  let head = -1;
  for (;;) {
    const outstanding = await outstandingOf(context).catch((error: unknown) => [AppError.from(error).message]);
    const position =
      outstanding.length > 0
        ? -1
        : await context.platform.log.head().then(
            (at) => at.position,
            () => -1,
          );
    const now = performance.now();
    if (outstanding.length > 0 || position !== head) quietSince = undefined;
    else quietSince ??= now;
    head = position;
    // Quiet for a while, so that what comes late is not missed; that while is not counted.
    if (quietSince !== undefined && now - quietSince >= limits.quietMs) return { tookMs: quietSince - startedAt, outstanding: [] };
    if (now - startedAt > boundMs + limits.quietMs)
      return { tookMs: now - startedAt, outstanding: outstanding.length > 0 ? outstanding : ['the log does not come to rest'] };
    await sleep(limits.convergePollMs);
  }
}

async function outstandingOf({ platform, load, subscribers }: CaseContext): Promise<string[]> {
  const outstanding: string[] = [];
  for (const service of Object.values(platform.services)) if (!(await service.isReady())) outstanding.push(`${service.instance} is not ready`);
  if (outstanding.length > 0) return outstanding;
  const applications = await platform.kube.list({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application' }, { namespace: 'argocd' });
  for (let index = 0; index < limits.applications; index++) {
    const name = applicationName(index);
    const status = applications.items.find((item) => item.metadata.name === name)?.['status'] as Partial<ApplicationStatus> | undefined;
    const is = `${status?.sync?.status} at ${status?.sync?.revision?.slice(0, 8)}, ${status?.health?.status}, ${status?.operationState?.phase}`;
    const shouldBe = `Synced at ${load.head.slice(0, 8)}, Healthy, Succeeded`;
    if (is !== shouldBe) outstanding.push(`${name} is ${is}, should be ${shouldBe}`);
    const maps = await platform.kube.list({ group: '', version: 'v1', kind: 'ConfigMap' }, { namespace: name });
    for (let object = 0; object < limits.objects; object++) {
      const wanted = load.wanted.get(objectPath(index, object));
      const value = (maps.items.find((item) => item.metadata.name === objectName(object))?.['data'] as { value?: string } | undefined)?.value;
      if (value !== wanted) outstanding.push(`${name}/${objectName(object)} is ${value}, Git says ${wanted}`);
    }
  }
  const { position } = await platform.log.head();
  for (const subscriber of subscribers)
    if (subscriber.position < position) outstanding.push(`a subscriber is at ${subscriber.position}, the log at ${position}`);
  return outstanding;
}
