import { AppError } from '@plumbline/contracts';
import type { ManifestSet, ManifestSetObject } from '@plumbline/contracts';
import { annotation } from './annotations.ts';
import type { KubeObject } from './object.ts';
import { foldStringData } from './prepare.ts';

/** Context that Secret values are sealed with. What is sealed is the base64 text, as it stands in `data`. */
export const manifestSecretContext = 'manifest-secret';

/** What is stored: the rendered objects, with every value of a Secret sealed (`stringData` folded into `data` first). */
export function manifestSetOf(sourceType: ManifestSet['sourceType'], rendered: readonly ManifestSetObject[], seal: (base64: string) => string): ManifestSet {
  return {
    version: 1,
    sourceType,
    objects: rendered.map((object) => (isSecret(object.manifest) ? { ...object, manifest: sealSecret(object, seal) } : object)),
  };
}

const isSecret = (manifest: Record<string, unknown>): boolean => manifest['apiVersion'] === 'v1' && manifest['kind'] === 'Secret';

function sealSecret({ manifest, file }: ManifestSetObject, seal: (base64: string) => string): Record<string, unknown> {
  const { data, metadata, ...rest } = foldStringData(manifest as unknown as KubeObject);
  const where = `${file === undefined ? '' : `${file}: `}Secret ${metadata.name}`;
  const { stringData = null } = manifest;
  if (typeof stringData !== 'object' || Array.isArray(stringData)) throw new AppError('manifest-invalid', `${where}: stringData is not a map`);
  // kubectl's copy of the whole object: of a Secret, it holds the values.
  const { [annotation.lastApplied]: _, ...annotations } = metadata.annotations ?? {};
  return {
    ...rest,
    metadata: metadata.annotations === undefined ? metadata : { ...metadata, annotations },
    ...(data === undefined ? {} : { data: sealValues(data, where, seal) }),
  };
}

/** A null is an empty value, as for the API server. Messages name the key, never the value. */
function sealValues(data: unknown, where: string, seal: (base64: string) => string): Record<string, string> {
  if (data === null) return {};
  if (typeof data !== 'object' || Array.isArray(data)) throw new AppError('manifest-invalid', `${where}: data is not a map`);
  return Object.fromEntries(
    Object.entries(data).map(([key, value]: [string, unknown]) => {
      if (value !== null && typeof value !== 'string') throw new AppError('manifest-invalid', `${where}: data.${key} is not a text: put it in quotes`);
      return [key, seal(value ?? '')];
    }),
  );
}
