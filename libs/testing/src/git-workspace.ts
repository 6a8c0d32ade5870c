import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '@plumbline/contracts';
import { gitEnvironment, gitSettings } from './git-server/git-environment.ts';

const run = promisify(execFile);

/** Path → content. `null` removes the file. */
export type Files = Readonly<Record<string, string | null>>;

/** A person's clone, for tests: what they would do with git, and nothing of this machine's configuration. */
export class GitWorkspace {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Runs git here and answers what it printed. */
  async git(...args: string[]): Promise<string> {
    const settings = [...gitSettings, '-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', '-c', 'commit.gpgSign=false'];
    try {
      const { stdout } = await run('git', [...settings, ...args], { cwd: this.dir, env: gitEnvironment(), maxBuffer: 64 * 1024 * 1024 });
      return stdout.trimEnd();
    } catch (cause) {
      const complaint = (cause as { stderr?: string }).stderr ?? String(cause);
      throw new AppError('failed-precondition', `"git ${args.join(' ')}" failed in ${this.dir}: ${complaint.trimEnd()}`, { cause });
    }
  }

  /** Writes and removes files and commits everything; the new commit's id. */
  async commit(files: Files, message = 'Change'): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.dir, path);
      await mkdir(dirname(file), { recursive: true });
      if (content === null) await rm(file);
      else await writeFile(file, content);
    }
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--allow-empty', `--message=${message}`);
    return this.head();
  }

  head(): Promise<string> {
    return this.git('rev-parse', 'HEAD');
  }

  /** Pushes the current branch, or `refspec`, to `origin`. */
  async push(options: { refspec?: string; force?: boolean } = {}): Promise<void> {
    await this.git('push', '--quiet', ...(options.force === true ? ['--force'] : []), 'origin', options.refspec ?? 'HEAD');
  }

  /** A new commit that undoes `commit`; its id. */
  async revert(commit = 'HEAD'): Promise<string> {
    await this.git('revert', '--no-edit', commit);
    return this.head();
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

export interface RepositoryOptions {
  files: Files;
  /** URL to push to; without one the repository stays here. */
  url?: string;
  /** Default `main`. */
  branch?: string;
}

/** A new repository in a temporary directory with one commit of these files, pushed when there is a URL. */
export async function makeRepository(options: RepositoryOptions): Promise<GitWorkspace> {
  const workspace = new GitWorkspace(await mkdtemp(join(tmpdir(), 'plumbline-git-')));
  await workspace.git('init', '--quiet', '--template=', `--initial-branch=${options.branch ?? 'main'}`);
  await workspace.commit(options.files, 'First commit');
  if (options.url !== undefined) {
    await workspace.git('remote', 'add', 'origin', options.url);
    await workspace.push();
  }
  return workspace;
}
