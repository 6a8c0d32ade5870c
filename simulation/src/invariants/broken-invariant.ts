/** What does not hold, for whoever reads a failed seed. */
export interface Finding {
  invariant: string;
  message: string;
}

export class BrokenInvariant extends Error {
  readonly finding: Finding;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = 'BrokenInvariant';
    this.finding = { invariant, message };
  }
}
