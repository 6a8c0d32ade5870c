/**
 * Whether one resourceVersion of an object is newer than another. Those of one API server are numbers that grow
 * (KEP-5504); where a server gives something else, the message that came last wins.
 */
export function isNewerVersion(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return version !== than;
  return version.length === than.length ? version > than : version.length > than.length;
}
