import { spawn } from 'node:child_process';
import { limits } from '../limits.ts';
import { gitEnvironment, gitSettings } from './git-environment.ts';
import type { RefUpdate } from './push-commands.ts';
import { zeroId } from './push-commands.ts';

export interface ChangedPaths {
  added: string[];
  modified: string[];
  removed: string[];
}

/**
 * A `git diff-tree` that waits for a push to be done. It is started when the push begins, so that its start-up doesn't
 * lie between the moment the refs have moved and the webhook.
 */
export class ChangedPathsReader {
  readonly #child;
  #output = '';
  #next: ((output: string) => void) | undefined;

  constructor(repository: string) {
    const args = [...gitSettings, '-C', repository, 'diff-tree', '--stdin', '-r', '--root', '--no-commit-id', '--name-status', '-z'];
    this.#child = spawn('git', args, { env: gitEnvironment(), stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      if (this.#output.endsWith(endMark)) this.#answer();
    });
    this.#child.once('close', () => this.#answer());
    this.#child.once('error', () => this.#answer());
    // A broken pipe shows as `close`.
    this.#child.stdin.on('error', () => undefined);
  }

  /** Between before and after; of a new branch, what its last commit changed; of a deleted one, nothing. One at a time. */
  async read({ before, after }: RefUpdate): Promise<ChangedPaths> {
    if (after === zeroId || this.#child.exitCode !== null) return { added: [], modified: [], removed: [] };
    const answer = new Promise<string>((resolve) => (this.#next = resolve));
    // diff-tree repeats a line that is no object id and flushes: that marks the end of an answer.
    this.#child.stdin.write(`${before === zeroId ? after : `${after} ${before}`}\n${endMark}`);
    return parse(await answer);
  }

  close(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }

  #answer(): void {
    this.#next?.(this.#output.replace(endMark, ''));
    this.#output = '';
  }
}

const endMark = 'end\n';

function parse(output: string): ChangedPaths {
  const paths: ChangedPaths = { added: [], modified: [], removed: [] };
  const fields = output.split('\0').slice(0, 2 * limits.webhookPathsMax);
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const list = fields[index] === 'A' ? paths.added : fields[index] === 'D' ? paths.removed : paths.modified;
    list.push(fields[index + 1]!);
  }
  return paths;
}
