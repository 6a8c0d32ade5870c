import { AppError } from '@plumbline/contracts';
import { Agent, request } from 'undici';

/** Where a running platform can be reached: what `npm run -s status -- --json` prints. */
export interface PlatformAddress {
  api: string;
  kubeconfig: string;
  gitUrl: string;
  username: string;
  password: string;
}

/** One answer of the REST API. */
export interface ApiAnswer {
  status: number;
  body: unknown;
}

/** The REST API as another tool would call it. */
export class PlatformClient {
  readonly #address: PlatformAddress;
  readonly #agent = new Agent({ connections: 8 });
  #token: Promise<string> | undefined;

  constructor(address: PlatformAddress) {
    this.#address = address;
  }

  /** Logged in as the admin, unless `token` is given (an empty one sends none). */
  async call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH',
    path: string,
    options: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
  ): Promise<ApiAnswer> {
    const token = options.token ?? (await this.token());
    const answer = await request(`${this.#address.api}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
    }).catch((cause: unknown) => {
      throw new AppError('unavailable', `${method} ${path}: the API does not answer: ${String(cause)}`, { retry: 'later', cause });
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: parsed(text) };
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.call('GET', path);
    if (status === 503) throw new AppError('unavailable', `GET ${path} answered 503`, { retry: 'later' });
    if (status !== 200) throw new AppError('failed-precondition', `GET ${path} answered ${status}: ${JSON.stringify(body)}`);
    return body as T;
  }

  /** Of the admin: one session for all calls; a log-in that failed is tried again by the next call. */
  token(): Promise<string> {
    this.#token ??= this.#logIn().catch((error: unknown) => {
      this.#token = undefined;
      throw error;
    });
    return this.#token;
  }

  async #logIn(): Promise<string> {
    const { username, password } = this.#address;
    const { status, body } = await this.call('POST', '/api/v1/session', { body: { username, password }, token: '' });
    if (status === 503) throw new AppError('unavailable', `logging in answered 503: ${JSON.stringify(body)}`, { retry: 'later' });
    if (status !== 200) throw new AppError('unauthenticated', `logging in as ${username} answered ${status}: ${JSON.stringify(body)}`);
    return (body as { token: string }).token;
  }

  close(): Promise<void> {
    return this.#agent.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
