import { describe, expect, test } from 'vitest';
import { isWorthRetrying, retryAfterMs, serverError } from './server-error.ts';

const status = (code: number, reason: string, message: string, details: Record<string, unknown> = {}): Record<string, unknown> => ({
  kind: 'Status',
  status: 'Failure',
  code,
  reason,
  message,
  details,
});
const pod = { group: '', kind: 'Pod', namespace: 'ns', name: 'p' };
const secret = { group: '', kind: 'Secret', namespace: 'ns', name: 's' };
const byName = { name: 'p', kind: 'pods' };

test.each<[string, Record<string, unknown> | undefined, number, string, 'never' | 'later']>([
  ['unauthorized', status(401, 'Unauthorized', 'Unauthorized'), 401, 'unauthenticated', 'never'],
  ['forbidden', status(403, 'Forbidden', 'pods "p" is forbidden', byName), 403, 'permission-denied', 'never'],
  ['not found', status(404, 'NotFound', 'pods "p" not found', byName), 404, 'not-found', 'never'],
  ['path not served', undefined, 404, 'unknown-kind', 'never'],
  ['resource not served', status(404, 'NotFound', 'the server could not find the requested resource'), 404, 'unknown-kind', 'never'],
  ['exists', status(409, 'AlreadyExists', 'exists', byName), 409, 'already-exists', 'never'],
  ['version conflict', status(409, 'Conflict', 'modified', byName), 409, 'conflict', 'later'],
  ['ownership conflict', status(409, 'Conflict', 'Apply failed', { causes: [{ reason: 'FieldManagerConflict', field: '.spec' }] }), 409, 'conflict', 'never'],
  ['expired', status(410, 'Expired', 'too old'), 410, 'gone', 'later'],
  ['too large', status(413, 'RequestEntityTooLarge', 'limit'), 413, 'too-large', 'never'],
  ['too large for the store', { kind: 'Status', code: 500, message: 'etcdserver: request is too large' }, 500, 'too-large', 'never'],
  ['invalid', status(422, 'Invalid', 'spec.x: Required value', byName), 422, 'manifest-invalid', 'never'],
  ['immutable', status(422, 'Invalid', 'spec.selector: Invalid value: field is immutable', byName), 422, 'immutable-field', 'never'],
  [
    'forbidden update',
    status(422, 'Invalid', 'spec: Forbidden: updates to statefulset spec for fields other than x are forbidden'),
    422,
    'immutable-field',
    'never',
  ],
  ['role of a binding', status(422, 'Invalid', 'roleRef: Invalid value: {}: cannot change roleRef', byName), 422, 'immutable-field', 'never'],
  ['pod update', status(422, 'Invalid', 'spec: Forbidden: pod updates may not change fields other than x'), 422, 'immutable-field', 'never'],
  ['throttled', status(429, 'TooManyRequests', 'slow down'), 429, 'resource-exhausted', 'later'],
  [
    'unknown field under apply',
    { kind: 'Status', code: 500, message: 'failed to create typed patch object (ns/p; /v1, Kind=Pod): .spec.x: field not declared in schema' },
    500,
    'manifest-invalid',
    'never',
  ],
  ['webhook down', status(500, 'InternalError', 'Internal error occurred: failed calling webhook "w"'), 500, 'unavailable', 'later'],
  ['overloaded', status(503, 'ServiceUnavailable', 'x'), 503, 'unavailable', 'later'],
  ['load balancer without a server', undefined, 502, 'unavailable', 'later'],
  ['timeout', status(504, 'Timeout', 'x'), 504, 'deadline-exceeded', 'later'],
  ['namespace going', status(403, 'Forbidden', 'forbidden', { causes: [{ reason: 'NamespaceTerminating' }] }), 403, 'failed-precondition', 'later'],
])('%s', (_name, body, http, code, retry) => {
  const error = serverError(http, body, pod);
  expect(error).toMatchObject({ code, retry, details: { group: '', kind: 'Pod', namespace: 'ns', name: 'p', status: http } });
  expect(error.message).toMatch(/^Pod ns\/p: /);
  if (body?.['message'] !== undefined) expect(error.message).toContain(body['message']);
});

test.each([
  [429, undefined, true],
  [503, undefined, true],
  [500, status(500, 'InternalError', 'etcd'), true],
  [500, { kind: 'Status', code: 500, message: 'failed to create typed patch object (x): .y: z' }, false],
  [409, status(409, 'Conflict', 'x'), false],
  [422, undefined, false],
])('retry of %d %j: %s', (http, body, expected) => {
  expect(isWorthRetrying(http, body)).toBe(expected);
});

test('Retry-After is in the header, or in the body', () => {
  expect(retryAfterMs('2', undefined)).toBe(2_000);
  expect(retryAfterMs(undefined, status(429, 'TooManyRequests', 'x', { retryAfterSeconds: 1 }))).toBe(1_000);
  expect(retryAfterMs('Wed, 21 Oct 2026 07:28:00 GMT', undefined)).toBeUndefined();
});

describe('about a Secret', () => {
  test.each([
    status(422, 'Invalid', 'Secret "s" is invalid: data[k]: Invalid value: "hunter2": too bad', {
      causes: [{ field: 'data[k]', message: 'Invalid value: "hunter2"' }],
    }),
    status(400, 'BadRequest', 'admission webhook "w" denied the request: hunter2 is a weak password'),
    status(403, 'Forbidden', 'admission webhook "w" denied the request: hunter2'),
    status(403, 'Forbidden', 'secrets "s" is forbidden: User "u" cannot patch resource "secrets" in API group "" in the namespace "ns": hunter2'),
    {
      kind: 'Status',
      code: 500,
      message: 'failed to create typed patch object (ns/s; /v1, Kind=Secret): .data.k: expected string, got &value.valueUnstructured{Value:"hunter2"}',
    },
  ])('no word of the server that may hold its content comes through: %j', (body) => {
    expect(JSON.stringify(serverError(body['code'] as number, body, secret))).not.toContain('hunter2');
  });

  test('the fields do', () => {
    const body = { kind: 'Status', code: 500, message: 'failed to create typed patch object (ns/s; /v1, Kind=Secret): .data.k: expected string, got x' };
    expect(serverError(500, body, secret).message).toMatch(/Secret ns\/s: .* in data\.k /);
  });

  test('who may not do it does', () => {
    const message = 'secrets "s" is forbidden: User "u" cannot patch resource "secrets" in API group "" in the namespace "ns"';
    expect(serverError(403, status(403, 'Forbidden', message), secret).message).toContain(message);
  });
});
