import { AppError } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import type { KindInfo } from '../port.ts';
import { isRecord } from './field-sets.ts';

/** Members of kinds whose typos the server is known for refusing. */
const members: Readonly<Record<string, readonly string[]>> = {
  ConfigMap: ['apiVersion', 'kind', 'metadata', 'data', 'binaryData', 'immutable'],
  Secret: ['apiVersion', 'kind', 'metadata', 'data', 'stringData', 'type', 'immutable'],
  Deployment: ['apiVersion', 'kind', 'metadata', 'spec', 'status'],
};

/** Strict field validation, as far as it goes without schemas. */
export function requireValid(object: KubeObject, kind: KindInfo): void {
  const { namespace, name } = object.metadata;
  if (kind.namespaced && (namespace ?? '') === '') throw new AppError('invalid-argument', `${object.kind} ${name} needs a namespace`);
  const unknown = Object.keys(object).find((member) => members[object.kind]?.includes(member) === false);
  if (unknown !== undefined) throw new AppError('manifest-invalid', `the API server refused the manifest: ${object.kind} ${name}: unknown field "${unknown}"`);
  if (['ConfigMap', 'Secret'].includes(object.kind) && isRecord(object['data'])) {
    const wrong = Object.entries(object['data']).find(([, value]) => typeof value !== 'string');
    if (wrong !== undefined)
      throw new AppError('manifest-invalid', `the API server refused the manifest: ${object.kind} ${name}: .data.${wrong[0]} is not a text`);
  }
}

/** The object as the server stores it: `stringData` folded, defaults filled in, what must not change unchanged. */
export function stored(object: KubeObject, before: KubeObject | undefined): KubeObject {
  const copy = structuredClone(object);
  if (copy.kind === 'Secret' && isRecord(copy['stringData'])) {
    const texts = Object.entries(copy['stringData']).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')] as const);
    copy['data'] = { ...(copy['data'] as object | undefined), ...Object.fromEntries(texts) };
    delete copy['stringData'];
  }
  const isFrozen = before !== undefined && (copy.kind === 'Job' || before['immutable'] === true);
  if (isFrozen && JSON.stringify(templateOf(copy)) !== JSON.stringify(templateOf(before)))
    throw new AppError('immutable-field', `${copy.kind} ${copy.metadata.name}: field is immutable`);
  return copy;
}

const templateOf = (object: KubeObject): unknown => (object.kind === 'Job' ? (object['spec'] as { template?: unknown } | undefined)?.template : object['data']);
