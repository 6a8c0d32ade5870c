import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { ChangedPathsReader } from './git-server/changed-paths.ts';
import { gitEnvironment, gitSettings } from './git-server/git-environment.ts';
import type { RefUpdate } from './git-server/push-commands.ts';
import { PushReport, parsePushCommands, zeroId } from './git-server/push-commands.ts';
import { BareRepositories } from './git-server/repositories.ts';
import type { Webhook } from './git-server/webhooks.ts';
import { WebhookSender } from './git-server/webhooks.ts';
import { limits } from './limits.ts';

export interface GitServerOptions {
  /** Folder of the bare repositories. */
  dir: string;
  /** Of 127.0.0.1. Default: any free one. */
  port?: number;
  webhook?: Webhook;
}

/** What a test has the server do to every request. */
export interface GitTrouble {
  delayMs?: number;
  /** Answer with this HTTP status instead. */
  status?: number;
  /** Begin to answer whoever fetches, and say no more while the connection lasts. */
  hangs?: boolean;
}

export interface GitServer {
  /** `http://127.0.0.1:<port>`; a repository is `<url>/<name>.git` or `<url>/<name>`. */
  url: string;
  /** Who is told about pushes from now on. */
  setWebhook(webhook: Webhook | undefined): void;
  setTrouble(trouble: GitTrouble | undefined): void;
  close(): Promise<void>;
}

/**
 * The Git server of the demo and the tests: Git's smart HTTP protocol (gitprotocol-http(5)) over the system's `git
 * upload-pack` and `git receive-pack`, without the CGI `git http-backend` in between, which would cost one more process
 * per request. Pushing to a new name creates the repository, any credentials do, and HEAD follows the first branch
 * pushed. For 127.0.0.1 only: whoever reaches it may write.
 */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const demo = new DemoGitServer(options);
  const server = createServer((request, response) => {
    demo.answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, error instanceof Error ? error.message : String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  demo.url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : options.port}`;
  return {
    url: demo.url,
    setWebhook: (webhook) => (demo.webhook = webhook),
    setTrouble: (trouble) => (demo.trouble = trouble),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await Promise.all([closed, demo.close()]);
    },
  };
}

type Service = 'git-upload-pack' | 'git-receive-pack';

class DemoGitServer {
  url = '';
  webhook: Webhook | undefined;
  trouble: GitTrouble | undefined;
  readonly #repositories: BareRepositories;
  readonly #webhooks = new WebhookSender();
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  constructor(options: GitServerOptions) {
    this.#repositories = new BareRepositories(options.dir);
    this.webhook = options.webhook;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { delayMs, status } = this.trouble ?? {};
    if (delayMs !== undefined) await sleep(delayMs);
    if (status !== undefined) return refuse(response, status, 'This server was told to fail.');

    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://git.invalid');
    const [, part = '', operation = ''] = /^\/([^/]+)\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(pathname) ?? [];
    const service = operation === 'info/refs' ? searchParams.get('service') : operation;
    const isExpected = request.method === (operation === 'info/refs' ? 'GET' : 'POST');
    const name = BareRepositories.nameOf(part);
    if (name === undefined || !isExpected || !isService(service))
      return refuse(response, 404, `Not a repository's address. Push to ${this.url}/<name>.git, with a name of letters, digits, ".", "_" and "-".`);

    const isNewName = operation === 'info/refs' && service === 'git-receive-pack';
    const repository = isNewName ? await this.#repositories.findOrCreate(name) : await this.#repositories.find(name);
    if (repository === undefined) return refuse(response, 404, `There is no repository ${name} yet: the first push creates it.`);
    if (operation === 'info/refs') return this.#advertise(repository, service, request, response);
    const body = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request;
    if (service === 'git-upload-pack') return this.#uploadPack(repository, request, body, response);
    return this.#receivePack(repository, request, body, response);
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill();
    await this.#webhooks.close();
  }

  #advertise(repository: string, service: Service, request: IncomingMessage, response: ServerResponse): void {
    const child = this.#git(service, ['--stateless-rpc', '--advertise-refs', repository], request);
    response.writeHead(200, { 'content-type': `application/x-${service}-advertisement`, 'cache-control': 'no-cache' });
    const isVersion2 = service === 'git-upload-pack' && protocolOf(request).split(':').includes('version=2');
    if (!isVersion2) response.write(`${packet(`# service=${service}\n`)}0000`);
    child.stdin.end();
    child.stdout.pipe(response);
  }

  #uploadPack(repository: string, request: IncomingMessage, body: Readable, response: ServerResponse): void {
    if (this.trouble?.hangs === true) {
      body.resume();
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result', 'cache-control': 'no-cache' });
      return response.flushHeaders();
    }
    const child = this.#git('git-upload-pack', ['--stateless-rpc', repository], request);
    response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result', 'cache-control': 'no-cache' });
    connect(body, child, response);
  }

  async #receivePack(repository: string, request: IncomingMessage, body: Readable, response: ServerResponse): Promise<void> {
    const { updates, head } = await readCommands(body);
    const branch = updates.find(({ ref, after }) => ref.startsWith('refs/heads/') && after !== zeroId)?.ref;
    // Before the refs move: whoever is told about them finds HEAD right.
    if (branch !== undefined) await this.#repositories.adoptHead(repository, branch);

    const child = this.#git('git-receive-pack', ['--stateless-rpc', repository], request);
    if (this.webhook !== undefined) this.#announceWhenDone(repository, updates, child);
    response.writeHead(200, { 'content-type': 'application/x-git-receive-pack-result', 'cache-control': 'no-cache' });
    child.stdin.write(head);
    connect(body, child, response);
  }

  #announceWhenDone(repository: string, updates: readonly RefUpdate[], child: ChildProcessWithoutNullStreams): void {
    const report = new PushReport();
    const changes = new ChangedPathsReader(repository);
    let isAnnounced = false;
    child.stdout.on('data', (chunk: Buffer) => {
      report.add(chunk);
      if (!report.isComplete || isAnnounced) return;
      isAnnounced = true;
      const done = updates.filter(({ ref }) => report.updated.has(ref));
      void this.#announce(repository, done, changes).finally(() => changes.close());
    });
    child.once('close', () => isAnnounced || changes.close());
  }

  async #announce(repository: string, updates: readonly RefUpdate[], changes: ChangedPathsReader): Promise<void> {
    const name = basename(repository, '.git');
    const { host, hostname } = new URL(this.url);
    const about = {
      name,
      full_name: name,
      html_url: `${this.url}/${name}`,
      clone_url: `${this.url}/${name}.git`,
      ssh_url: `git@${hostname}:${name}.git`,
      git_url: `git://${host}/${name}.git`,
      default_branch: (await this.#repositories.head(repository)).replace('refs/heads/', ''),
    };
    for (const { ref, before, after } of updates) {
      const commits = after === zeroId ? [] : [{ id: after, ...(await changes.read({ ref, before, after })) }];
      if (this.webhook === undefined) return;
      this.#webhooks.send(this.webhook, 'push', {
        ref,
        before,
        after,
        created: before === zeroId,
        deleted: after === zeroId,
        repository: about,
        commits,
        pusher: { name: 'demo' },
      });
    }
  }

  #git(service: Service, args: readonly string[], request: IncomingMessage): ChildProcessWithoutNullStreams {
    const settings = [...gitSettings, '-c', 'receive.autogc=false', '-c', 'uploadpack.allowAnySHA1InWant=true', '-c', 'uploadpack.allowFilter=true'];
    const child = spawn('git', [...settings, service.slice('git-'.length), ...args], { env: gitEnvironment({ GIT_PROTOCOL: protocolOf(request) }) });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    // The client reads what went wrong from the protocol, or sees the connection end.
    child.stderr.resume();
    return child;
  }
}

/** The updates that a push asks for, and the bytes that were read to learn them. */
async function readCommands(body: Readable): Promise<{ updates: RefUpdate[]; head: Buffer }> {
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, chunk as Buffer]);
    const updates = parsePushCommands(head);
    if (updates !== undefined) return { updates, head };
    if (head.length > limits.pushCommandsSizeBytesMax) throw new Error(`The push names more refs than fit into ${limits.pushCommandsSizeBytesMax} bytes.`);
  }
  return { updates: [], head };
}

function connect(body: Readable, child: ChildProcessWithoutNullStreams, response: ServerResponse): void {
  // A child that has heard enough closes its end early; its answer or its end says why.
  child.stdin.on('error', () => undefined);
  body.pipe(child.stdin);
  child.stdout.pipe(response);
  response.once('close', () => child.kill());
}

const isService = (service: string | null): service is Service => service === 'git-upload-pack' || service === 'git-receive-pack';

const protocolOf = (request: IncomingMessage): string => {
  const header = request.headers['git-protocol'];
  return typeof header === 'string' && /^[a-z0-9=:.]{1,64}$/.test(header) ? header : '';
};

const packet = (text: string): string => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${message}\n`);
}
