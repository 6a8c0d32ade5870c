import { spawn } from 'node:child_process';
import { AppError } from '@plumbline/contracts';
import type { FoundFile, Listing } from '../repository/recorded-tree.ts';
import { limits } from '../limits.ts';
import { encodeFrame, makeFrameDecoder } from './frames.ts';
import type { Frame } from './frames.ts';

/** What an engine asks for while it renders. */
export interface RenderFiles {
  read(paths: readonly string[]): Promise<FoundFile[]>;
  list(paths: readonly string[]): Promise<Listing[]>;
}

export interface EngineRequest {
  path: string;
  source: unknown;
  environment: Readonly<Record<string, string>>;
  kubeVersion: string;
  apiVersions: readonly string[];
}

export interface EngineAnswer {
  sourceType: 'Directory' | 'Kustomize' | 'Helm';
  objects: number;
  environmentUsed: string[];
  capabilitiesUsed: boolean;
  /** JSON array of {manifest, file}. */
  manifests: Buffer;
}

/** One process of the engine. It ends when our end of its stdin is closed, so it never outlives us. */
export interface EngineProcess {
  readonly version: string;
  readonly isAlive: boolean;
  /** One at a time. Errors: what the engine says of the input, what `files` threw, `render-failed` when it died. */
  render(request: EngineRequest, files: RenderFiles): Promise<EngineAnswer>;
  stop(): void;
}

/** Says that the engine died over this input, as `details.died`. */
const died = (why: string): AppError => new AppError('render-failed', `the engine died while rendering: ${why}`, { retry: 'later', details: { died: true } });

const engineArguments = [`-memory-soft=${limits.engineMemorySoftBytes}`, `-memory-hard=${limits.engineMemoryHardBytes}`];

/** @throws AppError `failed-precondition` when the program can't be run. */
export function startEngine(program: string): Promise<EngineProcess> {
  const child = spawn(program, engineArguments, { env: {}, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  const decode = makeFrameDecoder(limits.frameBytesMax);
  let receive: (frame: Frame) => void = () => undefined;
  let lose: (error: AppError) => void = () => undefined;
  let isAlive = true;
  let complaints = '';
  let killedFor: string | undefined;

  const kill = (why: string): void => {
    killedFor ??= why;
    child.kill('SIGKILL');
  };
  child.stdout.on('data', (chunk: Buffer) => {
    try {
      for (const frame of decode(chunk)) receive(frame);
    } catch (error) {
      kill(AppError.from(error).message);
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints = (complaints + text).slice(0, limits.complaintLengthMax)));
  child.stdin.on('error', () => undefined);
  child.once('close', (code, signal) => {
    isAlive = false;
    // Only the runtime's own words: anything else may quote a manifest.
    const fatal = /^fatal error: [^\n]{1,200}/m.exec(complaints)?.[0];
    lose(died(killedFor ?? fatal ?? (signal === null ? `exit code ${code}` : `signal ${signal}`)));
  });

  const send = (header: unknown, body?: readonly Uint8Array[]): void => {
    if (isAlive) child.stdin.write(encodeFrame(header, body));
  };

  const render = async (request: EngineRequest, files: RenderFiles): Promise<EngineAnswer> => {
    const conversation = converse(send, files);
    const timer = setTimeout(() => kill(`no answer after ${limits.renderMs / 1000} s`), limits.renderMs);
    try {
      return await new Promise<EngineAnswer>((resolve, reject) => {
        lose = reject;
        complaints = '';
        if (!isAlive) return reject(died('it was not running'));
        receive = (frame) => conversation(frame, resolve, reject);
        send({ type: 'render', ...request });
      });
    } finally {
      clearTimeout(timer);
      receive = () => undefined;
      lose = () => undefined;
    }
  };

  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => kill('it was not ready in time'), limits.engineStartMs);
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new AppError('failed-precondition', `the engine ${program} can't be started: ${why}. Check PLUMBLINE_ENGINE`));
    };
    child.once('error', (error) => fail(error.message));
    lose = (error) => fail(error.message);
    receive = ({ header }) => {
      clearTimeout(timer);
      lose = () => undefined;
      resolve({
        version: String(header['version']),
        get isAlive() {
          return isAlive;
        },
        render,
        stop: () => child.stdin.end(),
      });
    };
  });
}

/** Answers the engine's questions until it says how the render ended. */
function converse(send: (header: unknown, body?: readonly Uint8Array[]) => void, files: RenderFiles) {
  let hostError: unknown;
  const reply = async ({ header }: Frame): Promise<void> => {
    const paths = header['paths'] as string[];
    try {
      if (header['type'] === 'read') {
        const found = await files.read(paths);
        send(
          { type: 'nodes', nodes: found.map((node) => ({ kind: node.kind, size: node.kind === 'file' ? node.bytes.length : 0 })) },
          found.flatMap((node) => (node.kind === 'file' ? [node.bytes] : [])),
        );
      } else {
        const listings = await files.list(paths);
        send({ type: 'listings', listings });
      }
    } catch (error) {
      hostError = error;
      send({ type: 'abort' });
    }
  };
  return (frame: Frame, resolve: (answer: EngineAnswer) => void, reject: (error: unknown) => void): void => {
    const { header } = frame;
    switch (header['type']) {
      case 'read':
      case 'list':
        void reply(frame);
        return;
      case 'rendered':
        resolve({ ...(header as unknown as EngineAnswer), manifests: frame.body });
        return;
      default:
        reject(hostError ?? failureOf(header));
    }
  };
}

function failureOf(header: Record<string, unknown>): AppError {
  const { code, message, file, line } = header as { code: AppError['code']; message: string; file?: string; line?: number };
  return new AppError(code, message, { details: { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) } });
}
