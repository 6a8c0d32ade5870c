import { AppError, type ErrorCode } from '@plumbline/contracts';

/** What a request is about, for messages. */
export interface Subject {
  group: string;
  kind: string;
  namespace?: string;
  name?: string;
}

/** metav1.Status, as far as it is read. */
interface Status {
  message?: string;
  reason?: string;
  code?: number;
  details?: { name?: string; kind?: string; group?: string; retryAfterSeconds?: number; causes?: { reason?: string; message?: string; field?: string }[] };
}

const codeOfReason: Readonly<Record<string, ErrorCode>> = {
  Unauthorized: 'unauthenticated',
  Forbidden: 'permission-denied',
  NotFound: 'not-found',
  AlreadyExists: 'already-exists',
  Conflict: 'conflict',
  Gone: 'gone',
  Expired: 'gone',
  Invalid: 'manifest-invalid',
  BadRequest: 'manifest-invalid',
  UnsupportedMediaType: 'unsupported',
  NotAcceptable: 'unsupported',
  MethodNotAllowed: 'unsupported',
  RequestEntityTooLarge: 'too-large',
  TooManyRequests: 'resource-exhausted',
  Timeout: 'deadline-exceeded',
  ServerTimeout: 'unavailable',
  ServiceUnavailable: 'unavailable',
  InternalError: 'unavailable',
};

const codeOfHttp: Readonly<Record<number, ErrorCode>> = {
  400: 'manifest-invalid',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  405: 'unsupported',
  409: 'conflict',
  410: 'gone',
  413: 'too-large',
  415: 'unsupported',
  422: 'manifest-invalid',
  429: 'resource-exhausted',
  504: 'deadline-exceeded',
};

/**
 * An answer of the API server that is not a success, as an AppError. `details`: reason, status and, where the server
 * names fields, `causes` with each field's message.
 */
export function serverError(httpStatus: number, body: unknown, subject: Subject): AppError {
  const status = asStatus(body);
  const reason = status.reason ?? '';
  const code = codeOf(httpStatus, status);
  const isTerminating = status.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') === true;
  const message = isSecret(subject) ? messageWithoutContent(status, httpStatus) : (status.message ?? `HTTP status ${httpStatus}`);
  const causes = (status.details?.causes ?? []).map((cause) => ({ field: cause.field ?? '', ...(isSecret(subject) ? {} : { message: cause.message ?? '' }) }));
  return new AppError(isTerminating ? 'failed-precondition' : code, `${describe(subject)}: ${sentence(code, isTerminating)}: ${message}`, {
    retry: isTerminating || isTransient(httpStatus, code, status) ? 'later' : 'never',
    details: { ...named(subject), status: httpStatus, ...(reason === '' ? {} : { reason }), ...(causes.length === 0 ? {} : { causes }) },
  });
}

/** `apps/Deployment ns/name`, or what of it is known. */
export function describe({ group, kind, namespace, name }: Subject): string {
  const type = group === '' ? kind : `${group}/${kind}`;
  if (name === undefined || name === '') return type;
  return namespace === undefined || namespace === '' ? `${type} ${name}` : `${type} ${namespace}/${name}`;
}

export const named = ({ group, kind, namespace, name }: Subject): Record<string, string> => ({
  group,
  kind,
  ...(namespace === undefined ? {} : { namespace }),
  ...(name === undefined ? {} : { name }),
});

/** Whether the same request may succeed on its own in a moment. */
export function isWorthRetrying(httpStatus: number, body: unknown): boolean {
  if (httpStatus === 429 || httpStatus === 502 || httpStatus === 503 || httpStatus === 504) return true;
  return httpStatus === 500 && !isRefusedApply(asStatus(body)) && !isTooLarge(asStatus(body));
}

/** Seconds that the server asks to wait, from the header or the body. */
export function retryAfterMs(header: string | string[] | undefined, body: unknown): number | undefined {
  const seconds = typeof header === 'string' ? Number(header) : (asStatus(body).details?.retryAfterSeconds ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

function asStatus(body: unknown): Status {
  return typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status' ? body : {};
}

function codeOf(httpStatus: number, status: Status): ErrorCode {
  if (isRefusedApply(status)) return 'manifest-invalid';
  // The store's own limit comes as an internal error.
  if (isTooLarge(status)) return 'too-large';
  if (httpStatus === 404 && isUnknownPath(status)) return 'unknown-kind';
  if (httpStatus === 422 && isAboutImmutable(status)) return 'immutable-field';
  return codeOfReason[status.reason ?? ''] ?? codeOfHttp[httpStatus] ?? 'unavailable';
}

/**
 * Server-side apply answers what is wrong with a manifest's types and fields as 500 without a reason (Kubernetes 1.34
 * still does). It is not the server that failed.
 */
function isRefusedApply(status: Status): boolean {
  return (
    status.code === 500 &&
    (status.reason ?? '') === '' &&
    /^failed to (create typed patch object|convert new object|create manager for|update managed fields|prune fields)/.test(status.message ?? '')
  );
}

const isTooLarge = ({ message = '' }: Status): boolean => /etcdserver: request is too large|trying to send message larger than max/.test(message);

/** The path itself is not served: no Status at all, or one that names neither object nor resource. */
function isUnknownPath(status: Status): boolean {
  return status.details?.name === undefined && status.details?.kind === undefined;
}

const immutable =
  /field is immutable|is immutable|may not be changed|may not change|cannot be changed|cannot change |updates to .* are forbidden|Forbidden: updates to/i;

function isAboutImmutable(status: Status): boolean {
  const messages = [status.message ?? '', ...(status.details?.causes ?? []).map((cause) => cause.message ?? '')];
  return messages.some((message) => immutable.test(message));
}

function isTransient(httpStatus: number, code: ErrorCode, status: Status): boolean {
  // A conflict about a version is over after reading again; one about ownership is not (its causes name the fields).
  if (code === 'conflict') return !(status.details?.causes ?? []).some((cause) => cause.reason === 'FieldManagerConflict');
  return code === 'gone' || (code !== 'manifest-invalid' && code !== 'too-large' && (httpStatus >= 500 || httpStatus === 429));
}

function sentence(code: ErrorCode, isTerminating: boolean): string {
  if (isTerminating) return 'its namespace is being deleted';
  switch (code) {
    case 'manifest-invalid':
      return 'the API server refused the manifest';
    case 'immutable-field':
      return 'a field that can not be changed would change (Replace=true with Force=true makes the object anew)';
    case 'unknown-kind':
      return 'the API server does not know this kind (is its CustomResourceDefinition installed?)';
    case 'permission-denied':
      return 'the API server forbids it';
    default:
      return 'the API server answered';
  }
}

const isSecret = ({ group, kind }: Subject): boolean => group === '' && kind === 'Secret';

/**
 * Of what a server says about a Secret, only what can not hold its content: who may not do it, that it is (not) there,
 * and the names of fields. Validation and decoding messages quote values; admission webhooks may say anything.
 */
function messageWithoutContent(status: Status, httpStatus: number): string {
  const message = status.message ?? '';
  if (['NotFound', 'AlreadyExists', 'Conflict', 'Unauthorized', 'TooManyRequests'].includes(status.reason ?? '')) return message;
  if (/ is forbidden: User "[^"]*" cannot [a-z]+ resource "[^"]*" in API group "[^"]*"( in the namespace "[^"]*"| at the cluster scope)?$/.test(message))
    return message;
  const typed = /typed patch object \([^)]*\): (\.[A-Za-z0-9_.[\]"=-]+): ([a-z ]+)/.exec(message);
  const fields = [...(status.details?.causes ?? []).map((cause) => cause.field ?? ''), ...(typed?.[1] === undefined ? [] : [typed[1].slice(1)])].filter(
    (field) => field !== '',
  );
  const why = `${status.reason ?? `HTTP status ${httpStatus}`}${fields.length === 0 ? '' : ` in ${fields.join(', ')}`}`;
  return `${why} (the server's words are left out, they may quote the Secret)`;
}
