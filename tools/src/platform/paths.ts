import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the checkout, with a slash at the end. */
export const checkoutRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The files of one running platform; all of them below its state folder. */
export function pathsOf(stateDir: string) {
  return {
    stateFile: join(stateDir, 'state.json'),
    kubeconfig: join(stateDir, 'kubeconfig'),
    kubectl: join(stateDir, 'kubectl'),
    logs: join(stateDir, 'logs'),
    supervisorLog: join(stateDir, 'logs', 'supervisor.log'),
    logOf: (name: string) => join(stateDir, 'logs', `${name}.log`),
    /** Mirrors and caches of the services: disposable. */
    data: join(stateDir, 'data'),
    dataOf: (service: string) => join(stateDir, 'data', service),
  };
}

export function platformVersion(): string {
  return (JSON.parse(readFileSync(join(checkoutRoot, 'package.json'), 'utf8')) as { version: string }).version;
}
