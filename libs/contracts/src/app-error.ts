/**
 * Every failure that a person or another program may see, as a closed union: one table maps a code to HTTP, gRPC and
 * CLI exit codes, so `switch (error.code)` narrows and a new code is a compile error where it is not handled.
 */
export const errorCodes = [
  'invalid-argument',
  'unauthenticated',
  'permission-denied',
  'not-found',
  'already-exists',
  'conflict',
  'failed-precondition',
  'too-large',
  'resource-exhausted',
  'gone',
  'unsupported',
  'manifest-invalid',
  'render-failed',
  'revision-not-found',
  'path-not-found',
  'repository-unreachable',
  'cluster-unreachable',
  'unknown-kind',
  'immutable-field',
  'owned-by-another',
  'deadline-exceeded',
  'unavailable',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** HTTP status and gRPC status number of each code (gRPC numbers: google.rpc.Code). */
export const errorCodeTable: Readonly<Record<ErrorCode, { http: number; grpc: number }>> = {
  'invalid-argument': { http: 400, grpc: 3 },
  unauthenticated: { http: 401, grpc: 16 },
  'permission-denied': { http: 403, grpc: 7 },
  'not-found': { http: 404, grpc: 5 },
  'already-exists': { http: 409, grpc: 6 },
  conflict: { http: 409, grpc: 10 },
  'failed-precondition': { http: 400, grpc: 9 },
  'too-large': { http: 413, grpc: 8 },
  'resource-exhausted': { http: 429, grpc: 8 },
  gone: { http: 410, grpc: 11 },
  unsupported: { http: 501, grpc: 12 },
  'manifest-invalid': { http: 422, grpc: 3 },
  'render-failed': { http: 422, grpc: 9 },
  'revision-not-found': { http: 404, grpc: 5 },
  'path-not-found': { http: 404, grpc: 5 },
  'repository-unreachable': { http: 503, grpc: 14 },
  'cluster-unreachable': { http: 503, grpc: 14 },
  'unknown-kind': { http: 422, grpc: 9 },
  'immutable-field': { http: 422, grpc: 9 },
  'owned-by-another': { http: 409, grpc: 9 },
  'deadline-exceeded': { http: 504, grpc: 4 },
  unavailable: { http: 503, grpc: 14 },
  internal: { http: 500, grpc: 13 },
};

export interface AppErrorOptions {
  /** `later`: the same call may succeed without anybody changing anything. */
  retry?: 'never' | 'later';
  /** Machine-readable facts: names, positions, file and line. Never a secret. */
  details?: Readonly<Record<string, unknown>>;
  cause?: unknown;
}

export interface AppErrorJson {
  code: ErrorCode;
  message: string;
  retry: 'never' | 'later';
  details: Readonly<Record<string, unknown>>;
}

/** An error says what happened, to what, and what to do. Adapters translate foreign errors into it once, at their edge. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retry: 'never' | 'later';
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retry = options.retry ?? 'never';
    this.details = options.details ?? {};
  }

  toJSON(): AppErrorJson {
    return { code: this.code, message: this.message, retry: this.retry, details: this.details };
  }

  static fromJson(json: AppErrorJson): AppError {
    return new AppError(json.code, json.message, { retry: json.retry, details: json.details });
  }

  /** Matched by shape, not by `instanceof`: two copies of this package must still understand each other. */
  static is(value: unknown): value is AppError {
    return value instanceof Error && value.name === 'AppError' && 'code' in value && 'retry' in value;
  }

  /** Any thrown value as an AppError; a foreign error becomes `internal` and keeps its cause. */
  static from(value: unknown): AppError {
    if (AppError.is(value)) return value;
    const message = value instanceof Error ? value.message : String(value);
    return new AppError('internal', message, { retry: 'later', cause: value });
  }
}
