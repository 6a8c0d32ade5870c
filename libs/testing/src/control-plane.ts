import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { stat, rm } from 'node:fs/promises';
import { apiServerArguments, controllerManagerArguments, etcdArguments, kwokArguments, schedulerArguments } from './control-plane/arguments.ts';
import { ClusterAccess } from './control-plane/cluster-access.ts';
import { discardAgedCertificate, kubeconfigText } from './control-plane/credentials.ts';
import { declareNodes } from './control-plane/nodes.ts';
import type { ControlPlanePrograms } from './control-plane/programs.ts';
import { findControlPlanePrograms } from './control-plane/programs.ts';
import { limits } from './limits.ts';
import { rememberedPort } from './ports.ts';
import { poll } from './processes/poll.ts';
import type { RunningProgram } from './processes/program.ts';
import { startProgram } from './processes/program.ts';
import { stopLeftovers } from './processes/records.ts';
import { makePrivateDir, newPassword, readIfThere, readOrMake, writeState } from './state-files.ts';

export interface ControlPlaneOptions {
  /** Holds etcd's data, keys, logs and pid records; the same one again is the same cluster, at the same address. */
  stateDir: string;
  /** Fake nodes, played by KWOK. Default 3. */
  nodes?: number;
  /** Default: found on this machine or built once into the user's cache. */
  programs?: ControlPlanePrograms;
  /**
   * False: the controllers and the scheduler ask the API server as fast as they can, so that a benchmark doesn't measure
   * their own throttles (20 and 50 requests a second). Default true, as Kubernetes has it.
   */
  hasRequestLimits?: boolean;
  progress?: (line: string) => void;
}

export interface ControlPlane {
  /** File with the server, its CA and the admin's token. */
  kubeconfig: string;
  /** `https://127.0.0.1:<port>`. */
  server: string;
  /** Bearer token of `admin`, in the group system:masters. */
  token: string;
  /** The server's CA, base64 of PEM, as kubeconfig files hold it. */
  caData: string;
  /** Path of a kubectl that fits this server. */
  kubectl: string;
  processes: readonly { name: string; pid: number }[];
  /** Rejects, with the end of its log, when one of the processes ends by itself. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * A real Kubernetes control plane on 127.0.0.1: etcd (on a Unix socket that only we can reach), kube-apiserver,
 * kube-controller-manager with all its controllers, kube-scheduler, and KWOK, which plays nodes and kubelets so that
 * Pods become Ready. Resolves when a Pod could be created and would be scheduled.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const programs = options.programs ?? (await findControlPlanePrograms({ progress: options.progress }));
  const stateDir = await makePrivateDir(options.stateDir);
  await stopLeftovers(stateDir);
  const started: RunningProgram[] = [];
  try {
    return await start({ ...options, stateDir, programs }, started);
  } catch (error) {
    await stopAll(started);
    throw error;
  }
}

async function start(options: ControlPlaneOptions & { programs: ControlPlanePrograms }, started: RunningProgram[]): Promise<ControlPlane> {
  const { stateDir, programs } = options;
  const launch = async (name: string, command: string, args: readonly string[]): Promise<RunningProgram> => {
    // Paths in the arguments are relative to the state directory: a Unix socket's path may only have some hundred bytes.
    const program = await startProgram({ name, command, args, stateDir, cwd: stateDir });
    started.push(program);
    return program;
  };

  const token = await prepareCredentials(stateDir);
  const port = await rememberedPort(stateDir, 'kube-apiserver');
  const server = `https://127.0.0.1:${port}`;
  await rm(join(stateDir, 'etcd.sock:0'), { force: true });
  const etcd = await launch('etcd', programs.etcd, etcdArguments());
  await poll(() => stat(join(stateDir, 'etcd.sock:0')), { what: 'etcd', timeoutMs: limits.controlPlaneReadyMs, unless: etcd.ended });
  const apiServer = await launch('kube-apiserver', programs.apiServer, apiServerArguments(port));

  const readyOptions = { timeoutMs: limits.controlPlaneReadyMs, unless: apiServer.ended };
  const certificate = await poll(() => readIfThere(join(stateDir, 'certificates/apiserver.crt')), {
    what: 'the certificate of kube-apiserver',
    ...readyOptions,
  });
  const kubeconfig = join(stateDir, 'kubeconfig');
  await writeState(kubeconfig, kubeconfigText({ server, certificate, token }));
  const access = new ClusterAccess({ server, certificate, token });
  try {
    await poll(() => access.isReady(), { what: `kube-apiserver at ${server}`, ...readyOptions, explain: () => access.whyNotReady() });
    const limited = options.hasRequestLimits ?? true;
    await launch('kube-controller-manager', programs.controllerManager, controllerManagerArguments(limited));
    await launch('kube-scheduler', programs.scheduler, schedulerArguments(limited));
    await launch('kwok', programs.kwok, kwokArguments(programs.kwokStages));
    await declareNodes(access, options.nodes ?? 3);
    const ended = Promise.all(started.map((program) => program.ended)).then(() => undefined);
    ended.catch(() => undefined);
    await poll(() => access.canRunPods(options.nodes ?? 3), { what: 'the control plane', timeoutMs: limits.controlPlaneReadyMs, unless: ended });
    return {
      kubeconfig,
      server,
      token,
      caData: Buffer.from(certificate).toString('base64'),
      kubectl: programs.kubectl,
      processes: started.map(({ name, pid }) => ({ name, pid })),
      ended,
      stop: () => stopAll(started),
    };
  } finally {
    await access.close();
  }
}

/** The token, and what kube-apiserver and kube-controller-manager sign service account tokens with. */
async function prepareCredentials(stateDir: string): Promise<string> {
  const token = (await readOrMake(join(stateDir, 'admin.token'), newPassword)).trim();
  await writeState(join(stateDir, 'tokens.csv'), `${token},admin,admin,system:masters\n`);
  const key = await readOrMake(join(stateDir, 'service-accounts.key'), () =>
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  await writeState(join(stateDir, 'service-accounts.pub'), createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString());
  await discardAgedCertificate(join(stateDir, 'certificates'));
  return token;
}

/** Clients first: nobody logs that the server it talks to is gone. */
async function stopAll(programs: readonly RunningProgram[]): Promise<void> {
  const servers = ['kube-apiserver', 'etcd'];
  await Promise.all(programs.filter(({ name }) => !servers.includes(name)).map((program) => program.stop()));
  for (const name of servers) await programs.find((program) => program.name === name)?.stop();
}
