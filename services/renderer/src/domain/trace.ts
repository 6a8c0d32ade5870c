/** What a render looked at in the repository. */
export interface Footprint {
  /** Path → id of the file, or `directory`, or `absent`. */
  reads: Record<string, string>;
  /** Directory → hash of the names and kinds in it, or `file`, or `absent`. */
  lists: Record<string, string>;
}

/** All that a result depends on beyond its address: the same again means the same result. */
export interface Trace extends Footprint {
  /** Variables of the build environment that were used → keyed hash of the value. */
  environment: Record<string, string>;
  /** Hash of the cluster's version and API versions, if the result can depend on them. */
  capabilities?: string;
}

/** What a render is asked for under besides the repository; hashes as in Trace. */
export interface Surroundings {
  environment: Readonly<Record<string, string>>;
  capabilities: string;
}

export interface Used {
  environmentUsed: readonly string[];
  capabilitiesUsed: boolean;
}

export function traceOf(footprint: Footprint, used: Used, surroundings: Surroundings): Trace {
  const environment = Object.fromEntries(used.environmentUsed.map((name) => [name, surroundings.environment[name] ?? '']));
  return { ...footprint, environment, ...(used.capabilitiesUsed ? { capabilities: surroundings.capabilities } : {}) };
}

/** The part of the check that needs no repository; it comes first, being cheap. */
export function fitsSurroundings(trace: Trace, surroundings: Surroundings): boolean {
  if (trace.capabilities !== undefined && trace.capabilities !== surroundings.capabilities) return false;
  return Object.entries(trace.environment).every(([name, value]) => value === (surroundings.environment[name] ?? ''));
}

/** Whether everything that was looked at looks the same; stops at the first difference. */
export async function fitsRepository(trace: Trace, now: { read(path: string): Promise<string>; list(path: string): Promise<string> }): Promise<boolean> {
  for (const [path, mark] of Object.entries(trace.lists)) if ((await now.list(path)) !== mark) return false;
  for (const [path, mark] of Object.entries(trace.reads)) if ((await now.read(path)) !== mark) return false;
  return true;
}
