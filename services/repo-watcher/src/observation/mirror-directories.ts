import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { openMirror } from '@plumbline/git';
import type { MirrorPlaces } from './mirrors.ts';

/** One directory per repository below `dir`, where everything is ours and may be deleted while the service is stopped. */
export function directoryPlaces(dir: string, open: typeof openMirror): MirrorPlaces {
  return {
    open: (repository, url, credentials) => open({ dir: join(dir, repository), url, credentials }),
    async list() {
      await mkdir(dir, { recursive: true });
      return readdir(dir);
    },
    remove: (repository) => rm(join(dir, repository), { recursive: true, force: true }),
  };
}
