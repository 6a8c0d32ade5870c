import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../processes/poll.ts';
import { newPassword, readOrMake } from '../state-files.ts';
import type { Dependency } from './dependency.ts';

export interface ContainerOptions {
  image: string;
  port: number;
  stateDir: string;
  /** Keeps the data over restarts. */
  volume: { name: string; path: string };
  command?: (password: string) => string[];
  environment?: (password: string) => Record<string, string>;
  url: (host: string, port: number, password: string) => string;
  isReady: (url: string) => Promise<boolean>;
  readyMs: number;
}

/** Runs an image by testcontainers, whose reaper removes the container when this process dies; says why when it can't. */
export async function startContainer(options: ContainerOptions): Promise<Dependency | string> {
  // Loaded only here: it is big, and most machines never get this far.
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers');
  const runtime = await getContainerRuntimeClient().catch(() => undefined);
  if (runtime === undefined) return 'Docker does not answer';

  await mkdir(options.stateDir, { recursive: true });
  const password = (await readOrMake(join(options.stateDir, 'password'), newPassword)).trim();
  const container = await new GenericContainer(options.image)
    .withEnvironment(options.environment?.(password) ?? {})
    .withCommand(options.command?.(password) ?? [])
    .withExposedPorts(options.port)
    .withBindMounts([{ source: options.volume.name, target: options.volume.path }])
    .start();
  const url = options.url(container.getHost(), container.getMappedPort(options.port), password);
  const stop = async (): Promise<void> => {
    await container.stop();
  };
  try {
    await poll(() => options.isReady(url), { what: `the container of ${options.image}`, timeoutMs: options.readyMs });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    origin: 'docker',
    description: `container of ${options.image}, data in volume ${options.volume.name}`,
    stop,
    drop: async () => {
      await stop().catch(() => undefined);
      await runtime.container.dockerode.getVolume(options.volume.name).remove();
      await rm(options.stateDir, { recursive: true, force: true });
    },
  };
}
