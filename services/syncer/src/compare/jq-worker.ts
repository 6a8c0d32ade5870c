import { parentPort, workerData } from 'node:worker_threads';
import { loadJq } from 'jq-wasm';

/**
 * The thread in which users' jq expressions run: no imports, no files, no environment of this process, and no more memory
 * than it was given. It is ended from outside when an expression takes too long.
 */
export interface JqQuestion {
  input: string;
  program: string;
}

export type JqAnswer = { output: string } | { failure: string };

const { memoryBytesMax, outputBytesMax } = workerData as { memoryBytesMax: number; outputBytesMax: number };

interface WasmMemory {
  buffer: ArrayBuffer;
  grow(pages: number): number;
}

// A thread's resource limits bound JavaScript's heap only. (TypeScript has WebAssembly among the types of browsers.)
const { prototype } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: WasmMemory } } }).WebAssembly.Memory;
const grow = Object.getOwnPropertyDescriptor(prototype, 'grow')?.value as (this: WasmMemory, pages: number) => number;
prototype.grow = function (this: WasmMemory, pages) {
  if (this.buffer.byteLength + pages * 65_536 > memoryBytesMax) throw new RangeError('it needs too much memory');
  return grow.call(this, pages);
};

const tell = (message: JqAnswer | 'ready'): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(message);
};

const jq = await loadJq();
parentPort?.on('message', ({ input, program }: JqQuestion) => {
  const { stdout, stderr, exitCode } = jq.raw(input, program, ['-c']);
  if (exitCode !== 0) tell({ failure: stderr });
  else if (stdout.length > outputBytesMax) tell({ failure: 'it answers too much' });
  else tell({ output: stdout });
});
tell('ready');
