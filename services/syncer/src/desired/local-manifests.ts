import { createHash } from 'node:crypto';
import type { Sealer } from '@plumbline/blobs';
import type { ManifestSet } from '@plumbline/contracts';
import { AppError, canonicalJson } from '@plumbline/contracts';
import { manifestSecretContext, manifestSetOf } from '@plumbline/manifests';

/**
 * Manifests that came with an operation (`operation.sync.manifests`, one JSON object each), as a set like those that are
 * rendered: addressed by content, values of Secrets sealed. Throws `manifest-invalid` for what is no JSON object.
 */
export function localManifestSet(manifests: readonly string[], sourceType: ManifestSet['sourceType'], sealer: Sealer): { id: string; bytes: Buffer } {
  const rendered = manifests.map((text, index) => ({ manifest: parsed(text, index) }));
  const set = manifestSetOf(sourceType, rendered, (value) => sealer.seal(manifestSecretContext, value));
  const bytes = Buffer.from(canonicalJson(set));
  return { id: createHash('sha256').update(bytes).digest('hex'), bytes };
}

function parsed(text: string, index: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's words quote the text, which may hold a Secret.
    throw new AppError('manifest-invalid', `local manifest ${index + 1} is not JSON: give one JSON object per entry of operation.sync.manifests`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('manifest-invalid', `local manifest ${index + 1} is not an object: give one JSON object per entry of operation.sync.manifests`);
  }
  return value as Record<string, unknown>;
}
