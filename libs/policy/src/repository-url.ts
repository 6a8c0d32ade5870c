/**
 * One spelling for the addresses of a repository, as Argo CD compares them: lower case, no `.git`, `git@host:path` and
 * `ssh://git@host/path` the same. User info of https addresses is kept: it is part of what a project's list says.
 * Works on patterns, too: it touches nothing that has a meaning in one.
 */
export function normalizeRepositoryUrl(url: string): string {
  let normal = url.trim().toLowerCase();
  const isScpLike = !normal.includes('://') && /^[^/:]*@[^@]+$/.test(normal);
  if (isScpLike) normal = normal.replace(':', '/');
  if (normal.startsWith('ssh://')) normal = normal.slice('ssh://'.length);
  return normal.endsWith('.git') ? normal.slice(0, -'.git'.length) : normal;
}
