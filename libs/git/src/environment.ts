import type { GitCredentials } from './port.ts';
import { withoutUserInfo } from './repository-url.ts';

export interface EnvironmentOptions {
  /** Bare repository that the command works in. */
  dir: string;
  /** Remote that `credentials` are for. */
  url?: string;
  credentials?: GitCredentials;
  /** File that holds `credentials.sshPrivateKey` while the command runs. */
  sshKeyFile?: string;
  /** Remotes on this machine's disk: for tests and demonstrations only. */
  allowFile?: boolean;
}

/**
 * The whole environment of a git child: nothing of the machine's or the user's configuration, no hook, no prompt, no
 * credential helper, no protocol but the allowed ones. Credentials travel here, in memory, because arguments can be seen
 * by every process of the machine and addresses end up in logs.
 */
export function lockedEnvironment(options: EnvironmentOptions): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_DIR: options.dir,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ALLOW_PROTOCOL: options.allowFile === true ? 'http:https:ssh:git:file' : 'http:https:ssh:git',
    GIT_SSH_VARIANT: 'ssh',
    GIT_SSH_COMMAND: sshCommand(options),
    ...numbered(configuration(options)),
  };
}

function configuration(options: EnvironmentOptions): [string, string][] {
  const { credentials, url } = options;
  const settings: [string, string][] = [
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['credential.helper', ''],
    ['protocol.version', '2'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['fetch.recurseSubmodules', 'false'],
    ['http.lowSpeedLimit', '1'],
    ['http.lowSpeedTime', '60'],
  ];
  if (url === undefined || !/^https?:/i.test(url)) return settings;
  const authorization = authorizationOf(credentials);
  if (authorization === undefined) {
    settings.push(['http.followRedirects', 'initial']);
  } else {
    // The header is for this address alone: a redirect would carry it to whoever the server names.
    settings.push(['http.followRedirects', 'false'], [`http.${withoutUserInfo(url)}.extraHeader`, `Authorization: ${authorization}`]);
  }
  if (credentials?.insecure === true) settings.push(['http.sslVerify', 'false']);
  return settings;
}

/** The value of the header that carries a login; undefined = none is given. */
export function authorizationOf(credentials: GitCredentials | undefined): string | undefined {
  if (credentials?.password === undefined && credentials?.username === undefined) return undefined;
  // A token alone: every forge takes it as the password of any user.
  const user = credentials.username ?? 'git';
  return `Basic ${Buffer.from(`${user}:${credentials.password ?? ''}`).toString('base64')}`;
}

function sshCommand(options: EnvironmentOptions): string {
  const command = [
    'ssh',
    '-F',
    '/dev/null',
    '-o',
    'BatchMode=yes',
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'ConnectTimeout=15',
    '-o',
    'ForwardAgent=no',
    '-o',
    'PermitLocalCommand=no',
  ];
  if (options.credentials?.insecure === true) command.push('-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null');
  else command.push('-o', 'StrictHostKeyChecking=yes');
  if (options.sshKeyFile !== undefined) command.push('-i', options.sshKeyFile);
  return command.map((word) => (/^[A-Za-z0-9_=/.,:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

function numbered(settings: [string, string][]): Record<string, string> {
  const out: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  for (const [index, [key, value]] of settings.entries()) {
    out[`GIT_CONFIG_KEY_${index}`] = key;
    out[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return out;
}
