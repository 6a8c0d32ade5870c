import { request } from 'node:https';
import type { KubeConnection } from '@plumbline/kube';

/** Requests that the API server answered, by `VERB resource`, since it started. */
export type RequestCounts = ReadonlyMap<string, number>;

const total = /^apiserver_request_total\{(.*)\} (\S+)$/;
const label = /(\w+)="([^"]*)"/g;

/** What the API server itself counted (`apiserver_request_total`): nobody's word has to be taken for what was written. */
export async function countRequests(connection: KubeConnection): Promise<RequestCounts> {
  const counts = new Map<string, number>();
  for (const line of (await readMetrics(connection)).split('\n')) {
    const match = total.exec(line);
    if (match === null) continue;
    const labels = Object.fromEntries([...match[1]!.matchAll(label)].map(([, name, value]) => [name!, value!]));
    const { verb, resource, subresource, dry_run: dryRun } = labels;
    const key = `${verb} ${resource}${subresource ? `/${subresource}` : ''}${dryRun ? ' (dry run)' : ''}`;
    counts.set(key, (counts.get(key) ?? 0) + Number(match[2]));
  }
  return counts;
}

/** What was counted since: of these resources, everything but watches (which are counted when they end). */
export function requestsSince(before: RequestCounts, now: RequestCounts, resources: readonly string[]): Record<string, number> {
  const since: Record<string, number> = {};
  for (const [key, count] of now) {
    const [verb = '', resource = ''] = key.split(/[ /]/);
    const more = count - (before.get(key) ?? 0);
    if (more > 0 && verb !== 'WATCH' && resources.includes(resource)) since[key] = more;
  }
  return since;
}

async function readMetrics(connection: KubeConnection): Promise<string> {
  const headers = await connection.headers();
  return new Promise((resolve, reject) => {
    const call = request(`${connection.server}/metrics`, { headers, ...connection.tls }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (text += part));
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`GET ${connection.server}/metrics answered ${answer.statusCode}`));
      });
      answer.on('error', reject);
    });
    call.on('error', reject).end();
  });
}
