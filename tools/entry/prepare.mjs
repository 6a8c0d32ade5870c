/**
 * What every entry script does first, on whatever Node (20 or newer) the machine has and with nothing installed:
 * install the packages when they are missing or not those of the lock file, check the programs that are needed, and go
 * on in TypeScript with the pinned Node. Only node: modules may be imported here.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const nodeModules = join(root, 'node_modules');
const pinnedNode = join(nodeModules, 'node', 'bin', 'node');
/** Written when an installation was checked: the later starts only compare it. */
const stampFile = join(nodeModules, '.plumbline-installed.json');

const programs = {
  git: { places: ['/usr/bin', '/usr/local/bin'], advice: 'Install Git 2.30 or newer (Debian: apt-get install git).' },
  go: { places: ['/usr/local/go/bin', '/usr/lib/go/bin'], advice: 'Install Go 1.26 or newer from https://go.dev/dl and put its bin folder on PATH.' },
};

/**
 * Runs `tools/src/<tool>.ts` (or another file of this checkout) with the pinned Node and ends with its exit code.
 *
 * @param {string} file path relative to the root of the checkout
 * @param {{ needs?: ('git' | 'go')[], install?: boolean, exitCodeWhenNotInstalled?: number }} [options] `install: false`:
 *   a command about a running platform never touches its packages; where there are none, nothing can be running.
 */
export async function runTool(file, { needs = [], install = true, exitCodeWhenNotInstalled = 0 } = {}) {
  if (Number(process.versions.node.split('.')[0]) < 20) fail(`Node 20 or newer is needed to start; this is ${process.version}.`);
  if (install) installPackages();
  else if (!existsSync(pinnedNode)) {
    process.stderr.write('Plumbline is not running here: nothing is installed yet. `npm start` does both.\n');
    process.exit(exitCodeWhenNotInstalled);
  }
  const missing = needs.filter((name) => !findProgram(name));
  if (missing.length > 0) fail(missing.map((name) => `${name} was not found. ${programs[name].advice}`).join('\n'));
  await continueWithPinnedNode(file);
}

/** Installed = every package that this platform must have is there in the version of the lock file, and so is Node. */
function installPackages() {
  const lockText = readFileSync(join(root, 'package-lock.json'));
  const lockHash = createHash('sha256').update(lockText).digest('hex');
  const version = readJson(join(root, 'package.json')).devDependencies.node;
  const stamp = readJson(stampFile);
  if (stamp?.lockHash === lockHash && stamp.node === version && existsSync(pinnedNode)) return;

  const reason = outdatedBecause(JSON.parse(lockText.toString()));
  if (reason) {
    say(`Installing packages (${reason}) …`);
    // The stamp goes first: an interrupted installation must not look complete.
    rmSync(stampFile, { force: true });
    const npm = npmCommand();
    // Not `npm ci`: it refuses a lock file that was made where a registry lacked the packages of other platforms. The lock
    // file decides the versions here as well, and `--no-save` leaves it as it is. Engines: only the pinned Node counts.
    const install = ['install', '--no-save', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    const result = spawnSync(npm.command, [...npm.args, ...install], { cwd: root, stdio: ['ignore', 2, 2] });
    if (result.status !== 0) fail('npm install failed; its messages are above. Run it again when the cause is removed.');
  }
  ensurePinnedNode(version);
  writeFileSync(stampFile, `${JSON.stringify({ lockHash, node: version })}\n`);
}

/** npm keeps what it really installed in node_modules/.package-lock.json; times of files say nothing after a checkout. */
function outdatedBecause(lock) {
  const installed = readJson(join(nodeModules, '.package-lock.json'))?.packages;
  if (!installed) return 'first start';
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (!path.includes('node_modules/')) continue;
    const found = installed[path];
    if (!found && !wanted.optional && !wanted.peer) return `${path.replace(/^.*node_modules\//, '')} is missing`;
    if (found && found.version !== wanted.version) return `${path.replace(/^.*node_modules\//, '')} is outdated`;
    if (found && !found.link && !existsSync(join(root, path, 'package.json'))) return `${path.replace(/^.*node_modules\//, '')} was removed`;
  }
  return undefined;
}

/** The package `node` fetches its binary in an install script, which newer npm versions or `ignore-scripts` may have left out. */
function ensurePinnedNode(version) {
  if (nodeVersion() !== version) {
    say(`Fetching Node ${version} …`);
    spawnSync(process.execPath, ['installArchSpecificPackage.js'], { cwd: join(nodeModules, 'node'), stdio: ['ignore', 2, 2] });
  }
  const found = nodeVersion();
  if (found !== version) {
    fail(
      `The pinned Node ${version} could not be installed (${found ? `found ${found}` : `${pinnedNode} is missing`}). Is there a build of it for ${process.platform}-${process.arch}? Remove node_modules and try again.`,
    );
  }
}

function nodeVersion() {
  const result = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim().replace(/^v/, '') : undefined;
}

function npmCommand() {
  const script = process.env.npm_execpath;
  if (script && /npm-cli\.c?js$/.test(script) && existsSync(script)) return { command: process.execPath, args: [script] };
  return { command: 'npm', args: [] };
}

function findProgram(name) {
  const onPath = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return [...onPath, ...programs[name].places].map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function continueWithPinnedNode(file) {
  const child = spawn(pinnedNode, ['--conditions=@plumbline/source', '--disable-warning=ExperimentalWarning', join(root, file), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, PATH: [join(nodeModules, '.bin'), process.env.PATH, ...programs.go.places].filter(Boolean).join(delimiter) },
  });
  // A terminal sends Ctrl-C to the whole group and npm passes it on again: the tool takes repeats within a second for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${pinnedNode} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + osConstants.signals[signal] : (code ?? 1)));
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Progress goes to stderr: stdout belongs to the tool's answer. */
function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
