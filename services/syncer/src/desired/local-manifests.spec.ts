import { makeSealer } from '@plumbline/blobs';
import { createHash } from 'node:crypto';
import { expect, it, test } from 'vitest';
import { localManifestSet } from './local-manifests.ts';

const sealer = makeSealer(Buffer.alloc(32));

it('becomes a set by its content, with Secrets sealed', () => {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { key: 'canary' } };
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: '1' } };
  const { id, bytes } = localManifestSet([JSON.stringify(secret), JSON.stringify(configMap)], 'Directory', sealer);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(id);
  const text = bytes.toString();
  expect(text).not.toContain('canary');
  expect(text).not.toContain(Buffer.from('canary').toString('base64'));
  expect(JSON.parse(text)).toMatchObject({ version: 1, sourceType: 'Directory', objects: [{ manifest: { kind: 'Secret' } }, { manifest: configMap }] });
});

test.each(['{"stringData":{"a":"canary"', '[]', '"text"', 'null'])('refuses %s without quoting it', (text) => {
  const refused = (): unknown => localManifestSet(['{}', text], 'Directory', sealer);
  expect(refused).toThrow(/^local manifest 2 is not/);
  expect(refused).not.toThrow(/canary/);
});
