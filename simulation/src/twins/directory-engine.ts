import { AppError } from '@plumbline/contracts';
import type { EnginePool, EngineRequest, RenderFiles } from '@plumbline/renderer';
import { parseAllDocuments } from 'yaml';
import type { Faults } from '../faults.ts';
import type { Plant } from '../plants.ts';

/** The renderer's engine without its processes: plain YAML files of one directory, read through the same questions. */
export function directoryEngine(faults: Faults, plant?: Plant): EnginePool {
  let renderings = 0;
  return {
    version: 'simulated-1',
    render: async (request, files) => {
      const rendered = await renderDirectory(request, files, faults);
      if (plant !== 'lose-object' || ++renderings < 2) return rendered;
      const manifests = (JSON.parse(rendered.manifests.toString()) as unknown[]).slice(1);
      return { ...rendered, objects: manifests.length, manifests: Buffer.from(JSON.stringify(manifests)) };
    },
    close: () => undefined,
  };
}

const died = (): AppError => new AppError('render-failed', 'the engine died while rendering (simulated)', { retry: 'later', details: { died: true } });

async function renderDirectory({ path }: EngineRequest, files: RenderFiles, faults: Faults): Promise<Awaited<ReturnType<EnginePool['render']>>> {
  const [listing] = await files.list([path]);
  if (listing?.kind !== 'directory') throw new AppError('path-not-found', `${path}: there is no such directory`);
  const names = listing.entries.filter(({ name, kind }) => kind === 'file' && name.endsWith('.yaml')).map(({ name }) => `${path}/${name}`);
  const read = await files.read(names);
  const manifests = read.flatMap((found, i) => (found.kind === 'file' ? objectsIn(names[i]!, found.bytes.toString('utf8')) : []));
  await faults.call('engine', 'render', died, () => undefined);
  return {
    sourceType: 'Directory',
    objects: manifests.length,
    environmentUsed: [],
    capabilitiesUsed: false,
    manifests: Buffer.from(JSON.stringify(manifests)),
  };
}

function objectsIn(file: string, text: string): { manifest: unknown; file: string }[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors ?? [];
    if (error !== undefined) throw new AppError('manifest-invalid', `${file}: ${error.message.split('\n')[0]}`, { details: { file } });
    const manifest: unknown = document.toJS();
    return manifest === null ? [] : [{ manifest, file }];
  });
}
