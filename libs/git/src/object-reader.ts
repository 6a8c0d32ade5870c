import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';
import type { GitObject } from './port.ts';

/** Id, type and size of an object; undefined = the repository doesn't have it. */
export type ObjectHeader = Pick<GitObject, 'id' | 'type'> & { sizeBytes: number };

interface Question {
  resolve(answer: (ObjectHeader & { bytes: Buffer }) | undefined): void;
  reject(error: Error): void;
}

/**
 * One long-lived `git cat-file --batch` or `--batch-check`: questions on its standard input, answers in the same order.
 * It starts at the first question and again after it died; starting git for each object would cost 3 ms apiece.
 */
export class ObjectReader {
  readonly #mode: '--batch' | '--batch-check';
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcessWithoutNullStreams | undefined;
  #questions: Question[] = [];
  #answered = 0;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #header: ObjectHeader | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(mode: '--batch' | '--batch-check', env: Readonly<Record<string, string>>) {
    this.#mode = mode;
    this.#env = env;
  }

  /** `name` is an id, or one of our own refs; never what a user typed: a line break would be a second question. */
  ask(name: string): Promise<(ObjectHeader & { bytes: Buffer }) | undefined> {
    if (!/^[A-Za-z0-9/^{}]+$/.test(name)) return Promise.reject(new AppError('invalid-argument', `${JSON.stringify(name)} is not the name of a Git object`));
    return new Promise((resolve, reject) => {
      const child = (this.#child ??= this.#start());
      this.#questions.push({ resolve, reject });
      this.#watchSilence();
      child.stdin.write(`${name}\n`);
    });
  }

  close(): void {
    this.#fail(new AppError('unavailable', 'the mirror was closed while it was read', { retry: 'later' }));
  }

  #start(): ChildProcessWithoutNullStreams {
    const child = spawn('git', ['cat-file', this.#mode], { env: this.#env, cwd: this.#env['GIT_DIR'] });
    const died = (reason: string): void => {
      if (this.#child === child) this.#fail(new AppError('internal', `git cat-file ended while it was read: ${reason}`, { retry: 'later' }));
    };
    let lastWords = '';
    child.stderr.on('data', (chunk: Buffer) => (lastWords = chunk.toString('utf8').trim().slice(-300)));
    child.stdin.on('error', () => undefined); // `close` tells why.
    child.on('error', (error) => died(error.message));
    child.on('close', (code) => died(lastWords === '' ? `exit code ${code}` : lastWords));
    child.stdout.on('data', (chunk: Buffer) => {
      if (this.#child !== child) return;
      this.#chunks.push(chunk);
      this.#buffered += chunk.length;
      this.#parse();
      this.#watchSilence();
    });
    return child;
  }

  #fail(error: AppError): void {
    clearTimeout(this.#silence);
    const child = this.#child;
    const open = this.#questions.slice(this.#answered);
    this.#child = undefined;
    this.#questions = [];
    this.#answered = 0;
    this.#chunks = [];
    this.#buffered = 0;
    this.#header = undefined;
    child?.kill('SIGKILL');
    for (const question of open) question.reject(error);
  }

  #watchSilence(): void {
    clearTimeout(this.#silence);
    if (this.#child === undefined) return;
    const isIdle = this.#questions.length === 0;
    // Nothing to read for a while: the process ends, and starts again at the next question.
    this.#silence = setTimeout(
      () => {
        this.#fail(new AppError('deadline-exceeded', `git cat-file did not answer for ${limits.readMs / 1000} s`, { retry: 'later' }));
      },
      isIdle ? limits.readerIdleMs : limits.readMs,
    );
    if (isIdle) this.#silence.unref();
  }

  #parse(): void {
    for (;;) {
      if (this.#header === undefined) {
        const line = this.#takeLine();
        if (line === undefined) return;
        this.#header = headerOf(line);
        if (this.#header === undefined) this.#answer(undefined);
        else if (this.#mode === '--batch-check') this.#answer({ ...this.#header, bytes: Buffer.alloc(0) });
      } else {
        const size = this.#header.sizeBytes;
        if (this.#buffered < size + 1) return;
        const bytes = this.#take(size + 1).subarray(0, size);
        this.#answer({ ...this.#header, bytes });
      }
    }
  }

  #answer(answer: (ObjectHeader & { bytes: Buffer }) | undefined): void {
    this.#header = undefined;
    this.#questions[this.#answered++]?.resolve(answer);
    // Answered ones are dropped now and then: shifting a long array for each answer would be quadratic.
    if (this.#answered < this.#questions.length && this.#answered < 1024) return;
    this.#questions = this.#questions.slice(this.#answered);
    this.#answered = 0;
  }

  #takeLine(): string | undefined {
    let length = 0;
    for (const chunk of this.#chunks) {
      const end = chunk.indexOf(10);
      if (end >= 0) return this.#take(length + end + 1).toString('utf8', 0, length + end);
      length += chunk.length;
    }
    return undefined;
  }

  /** The next bytes, of which at least so many have come. */
  #take(length: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
    const bytes = all ?? Buffer.concat(this.#chunks);
    this.#buffered -= length;
    this.#chunks = this.#buffered === 0 ? [] : [bytes.subarray(length)];
    return bytes.subarray(0, length);
  }
}

/** `<id> <type> <size>`; anything else (`… missing`, `… ambiguous`) means that there is no such object. */
function headerOf(line: string): ObjectHeader | undefined {
  const match = /^([0-9a-f]{40}|[0-9a-f]{64}) (blob|tree|commit|tag) (\d+)$/.exec(line);
  const [, id = '', type = '', size = ''] = match ?? [];
  return match === null ? undefined : { id, type: type as GitObject['type'], sizeBytes: Number(size) };
}
