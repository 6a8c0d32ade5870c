import { AppError } from '@plumbline/contracts';
import { Agent, type Dispatcher } from 'undici';
import { authorizationOf } from './environment.ts';
import { limits } from './limits.ts';
import { isObjectId } from './object-name.ts';
import { packets, request, textOf, type Packet } from './pkt-line.ts';
import type { GitCredentials } from './port.ts';

/** One ref as the server tells it. `peeled`: the object that an annotated tag points to. */
export interface AdvertisedRef {
  name: string;
  id: string;
  peeled?: string;
  /** Of HEAD: full name of its branch. */
  target?: string;
}

export interface PackRequest {
  /** Commits to bring, without their history. */
  want: readonly string[];
  /** Commits that are here, each without its history: what they have needn't be sent. */
  have: readonly string[];
}

export interface Pack {
  /** Commits of it whose parents are in neither the pack nor what was said to be here: `shallow` of the repository names them. */
  shallow: string[];
  bytes: AsyncGenerator<Buffer>;
}

interface Conversation {
  credentials: GitCredentials | undefined;
  signal: AbortSignal;
}

/**
 * A client of `git-upload-pack` over HTTP, protocol version 2 (gitprotocol-v2(5), gitprotocol-http(5)), on connections that
 * are kept. `git fetch` starts five processes and three conversations on a new connection for each fetch of one commit; this
 * starts none and has two (docs/adr/0020).
 *
 * It follows no redirect, knows no other authentication than a given login, and nothing of protocol versions 0 and 1: for
 * these the caller has git itself.
 */
export class UploadPack {
  readonly #url: URL;
  #agent: { dispatcher: Agent; isInsecure: boolean } | undefined;
  /** The server was found to speak version 2 with what is needed here. */
  #isGreeted = false;

  /** @param url `http:` or `https:`, without user info. */
  constructor(url: string) {
    this.#url = new URL(`${url.replace(/\/+$/, '')}/`);
  }

  /**
   * The remote's refs, in its order.
   *
   * @param names only refs that begin with one of these; absent = all
   * @throws AppError `unavailable` (it doesn't answer as it should), `too-large`
   */
  async refs(conversation: Conversation, names?: readonly string[]): Promise<AdvertisedRef[]> {
    await this.#greet(conversation);
    const body = request(['command=ls-refs', ...capabilities], ['peel', 'symrefs', ...(names ?? []).map((name) => `ref-prefix ${name}`)]);
    const found: AdvertisedRef[] = [];
    for await (const packet of untilFlush(this.#ask(body, conversation, limits.lsRemoteBytesMax))) found.push(advertisedRef(textOf(packet)));
    return found;
  }

  /**
   * Asks for a pack of commits without history. Who asks has to read `bytes` to the end, or to end their iterator.
   *
   * @throws AppError `unavailable` (so does reading)
   */
  async pack({ want, have }: PackRequest, conversation: Conversation): Promise<Pack> {
    await this.#greet(conversation);
    const body = request(
      ['command=fetch', ...capabilities],
      [
        'thin-pack',
        'no-progress',
        'ofs-delta',
        ...have.map((id) => `shallow ${id}`),
        'deepen 1',
        ...want.map((id) => `want ${id}`),
        ...have.map((id) => `have ${id}`),
        'done',
      ],
    );
    const answer = this.#ask(body, conversation);
    const shallow: string[] = [];
    for (let section = ''; ;) {
      const { value: packet, done } = await answer.next();
      if (done === true || packet === 'flush') throw unexpected('no pack came');
      if (packet === 'delimiter') section = '';
      else if (section === '') section = textOf(packet);
      else if (section === 'shallow-info') {
        const [, id] = /^shallow ([0-9a-f]{40})$/.exec(textOf(packet)) ?? [];
        if (id !== undefined) shallow.push(id);
      }
      if (section === 'packfile') return { shallow, bytes: packBytes(answer) };
    }
  }

  async close(): Promise<void> {
    await this.#agent?.dispatcher.destroy();
    this.#agent = undefined;
  }

  async #greet(conversation: Conversation): Promise<void> {
    if (this.#isGreeted) return;
    const answer = this.#packetsOf(await this.#request('GET', 'info/refs?service=git-upload-pack', conversation), limits.errorOutputBytesMax);
    const offered = new Map<string, string>();
    for await (const packet of answer) {
      if (typeof packet === 'string') continue;
      const [name = '', value = ''] = textOf(packet).split(/=(.*)/s);
      offered.set(name, value);
    }
    const hasShallow = offered.get('fetch')?.split(' ').includes('shallow') === true;
    const isSha1 = (offered.get('object-format') ?? 'sha1') === 'sha1';
    if (!offered.has('version 2') || !offered.has('ls-refs') || !hasShallow || !isSha1)
      throw unexpected('it does not speak version 2 of the protocol with shallow fetches');
    this.#isGreeted = true;
  }

  async *#ask(body: string, conversation: Conversation, bytesMax = Infinity): AsyncGenerator<Packet> {
    try {
      yield* this.#packetsOf(await this.#request('POST', 'git-upload-pack', conversation, body), bytesMax);
    } catch (error) {
      // Whatever happened: the next conversation begins at the beginning.
      this.#isGreeted = false;
      throw error;
    }
  }

  async *#packetsOf(answer: Dispatcher.ResponseData, bytesMax: number): AsyncGenerator<Packet> {
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > bytesMax) throw new AppError('too-large', `the Git server's answer has more than ${bytesMax} bytes`);
        yield chunk;
      }
    };
    yield* packets(counted());
  }

  async #request(method: 'GET' | 'POST', path: string, { credentials, signal }: Conversation, body?: string): Promise<Dispatcher.ResponseData> {
    const url = new URL(path, this.#url);
    const authorization = authorizationOf(credentials);
    const headers: Record<string, string> = { 'git-protocol': 'version=2', 'user-agent': 'git/plumbline', accept: '*/*' };
    if (authorization !== undefined) headers['authorization'] = authorization;
    if (body !== undefined) headers['content-type'] = 'application/x-git-upload-pack-request';
    const answer = await this.#dispatcher(credentials?.insecure === true).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body: body ?? null,
      signal,
    });
    const expected = `application/x-git-upload-pack-${method === 'GET' ? 'advertisement' : 'result'}`;
    if (answer.statusCode === 200 && answer.headers['content-type'] === expected) return answer;
    await answer.body.dump({ limit: limits.errorOutputBytesMax });
    throw unexpected(`HTTP status ${answer.statusCode}`);
  }

  #dispatcher(isInsecure: boolean): Agent {
    if (this.#agent?.isInsecure === isInsecure) return this.#agent.dispatcher;
    void this.#agent?.dispatcher.close();
    const dispatcher = new Agent({
      connections: limits.connectionsPerRemote,
      allowH2: false,
      connect: { rejectUnauthorized: !isInsecure, timeout: limits.connectMs },
      keepAliveTimeout: limits.idleConnectionMs,
      headersTimeout: limits.silenceMs,
      bodyTimeout: limits.silenceMs,
    });
    this.#agent = { dispatcher, isInsecure };
    return dispatcher;
  }
}

const capabilities = ['agent=git/plumbline', 'object-format=sha1'];

/** `<id> <name>` and attributes. */
function advertisedRef(line: string): AdvertisedRef {
  const [id = '', name = '', ...attributes] = line.split(' ');
  if (!isObjectId(id) || name === '') throw unexpected(`${JSON.stringify(line.slice(0, 200))} is not a ref`);
  const attribute = (key: string): string | undefined => attributes.find((one) => one.startsWith(`${key}:`))?.slice(key.length + 1);
  const [peeled, target] = [attribute('peeled'), attribute('symref-target')];
  return { name, id, ...(peeled !== undefined && isObjectId(peeled) ? { peeled } : {}), ...(target === undefined ? {} : { target }) };
}

/** Bands of the pack's section: 1 its bytes, 2 words for people, 3 why there won't be one. */
async function* packBytes(answer: AsyncIterable<Packet>): AsyncGenerator<Buffer> {
  for await (const packet of untilFlush(answer)) {
    if (packet[0] === 1) yield packet.subarray(1);
    else if (packet[0] === 3) throw unexpected(textOf(packet.subarray(1)).slice(0, 300));
  }
}

/** The packets before the flush. The answer is read to its end, so that its connection can be used again. */
async function* untilFlush(answer: AsyncIterable<Packet>): AsyncGenerator<Buffer> {
  let isComplete = false;
  for await (const packet of answer) {
    if (isComplete || packet === 'delimiter') throw unexpected('it goes on where it should end');
    if (packet === 'flush') isComplete = true;
    else yield packet;
  }
  if (!isComplete) throw unexpected('it has no end');
}

const unexpected = (why: string): AppError => new AppError('unavailable', `the Git server's answer is not what was asked for: ${why}`, { retry: 'later' });
