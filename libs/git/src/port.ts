/** What it takes to reach a remote. Never logged; errors carry the URL without user info. */
export interface GitCredentials {
  username?: string;
  password?: string;
  sshPrivateKey?: string;
  insecure?: boolean;
}

export interface RemoteRefs {
  /** Full name → commit (annotated tags peeled). */
  refs: Map<string, string>;
  /** Full name of the branch that HEAD points to, when the remote tells. */
  head?: string;
}

export interface TreeEntry {
  mode: string;
  type: 'blob' | 'tree' | 'commit';
  id: string;
  /** Path relative to the listed tree. */
  path: string;
}

export interface GitObject {
  id: string;
  type: 'blob' | 'tree' | 'commit' | 'tag';
  bytes: Buffer;
}

/** A bare mirror of one remote, for reading objects; nothing is ever checked out. */
export interface Mirror {
  readonly dir: string;
  lsRemote(): Promise<RemoteRefs>;
  /**
   * Brings these commits, without their history: by the full names of refs (or HEAD), or by id where the remote allows it.
   * Answers which commit each name leads to: what the remote said in this very conversation.
   */
  fetch(wanted: readonly string[]): Promise<Map<string, string>>;
  has(id: string): Promise<boolean>;
  /** Of a commit: tree, author, date, first line of the message. */
  commit(id: string): Promise<{ id: string; tree: string; author: string; date: string; message: string }>;
  /** All trees and blobs reachable from `tree` that don't lie at the same place below `base`. An object that only moved is listed too. */
  newObjects(tree: string, base?: string): Promise<{ id: string; type: 'blob' | 'tree'; sizeBytes: number }[]>;
  /** Objects over `sizeBytesMax` are left out. */
  readObjects(ids: readonly string[], sizeBytesMax?: number): AsyncIterable<GitObject>;
  /** Ends what runs; later calls fail with `unavailable`. */
  close(): Promise<void>;
}
