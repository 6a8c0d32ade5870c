/** What a push asks for, read from the head of a `git-receive-pack` request (gitprotocol-pack(5), "Reference Update Request"). */
export interface RefUpdate {
  ref: string;
  /** Forty zeros: the ref is new. */
  before: string;
  /** Forty zeros: the ref is deleted. */
  after: string;
}

export const zeroId = '0'.repeat(40);

/** One pkt-line at `offset`; undefined when not all of it has arrived. An empty payload is a flush. */
export function packetAt(bytes: Buffer, offset: number): { payload: Buffer; end: number } | undefined {
  if (bytes.length < offset + 4) return undefined;
  const length = Number.parseInt(bytes.toString('latin1', offset, offset + 4), 16);
  if (Number.isNaN(length)) return { payload: Buffer.alloc(0), end: bytes.length };
  const end = offset + Math.max(length, 4);
  return bytes.length < end ? undefined : { payload: bytes.subarray(offset + 4, end), end };
}

/** The updates, once the flush that ends them has arrived; undefined before. */
export function parsePushCommands(bytes: Buffer): RefUpdate[] | undefined {
  const updates: RefUpdate[] = [];
  for (let offset = 0; ;) {
    const packet = packetAt(bytes, offset);
    if (packet === undefined) return undefined;
    if (packet.payload.length === 0) return updates;
    offset = packet.end;
    // Capabilities follow a NUL on the first line.
    const [command = ''] = packet.payload.toString('utf8').split('\0');
    const match = /^([0-9a-f]{40}) ([0-9a-f]{40}) (refs\/\S+)\n?$/.exec(command);
    if (match !== null) updates.push({ before: match[1]!, after: match[2]!, ref: match[3]! });
  }
}

/**
 * Collects `ok <ref>` from what `git-receive-pack` answers: it says so after the ref was moved and before it runs hooks
 * and ends, so this is the earliest moment at which a push is known to have happened. The report comes inside side band
 * 1 or bare, according to the client's capabilities.
 */
export class PushReport {
  #bytes: Buffer = Buffer.alloc(0);
  #report: Buffer = Buffer.alloc(0);

  /** Refs known to have been updated, complete once `isComplete`. */
  readonly updated = new Set<string>();
  isComplete = false;

  add(chunk: Buffer): void {
    if (this.isComplete) return;
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const packet = packetAt(this.#bytes, 0);
      if (packet === undefined) return;
      this.#bytes = this.#bytes.subarray(packet.end);
      if (packet.payload[0] === 1) this.#addReport(packet.payload.subarray(1));
      else if (packet.payload.length > 0 && packet.payload[0]! > 3) this.#addLine(packet.payload.toString('utf8'));
      else if (packet.payload.length === 0) this.isComplete = true;
    }
  }

  /** Side band 1 carries pkt-lines of its own, cut anywhere. */
  #addReport(part: Buffer): void {
    this.#report = Buffer.concat([this.#report, part]);
    for (let packet = packetAt(this.#report, 0); packet !== undefined; packet = packetAt(this.#report, 0)) {
      this.#report = this.#report.subarray(packet.end);
      if (packet.payload.length === 0) this.isComplete = true;
      else this.#addLine(packet.payload.toString('utf8'));
    }
  }

  #addLine(line: string): void {
    const match = /^ok (refs\/\S+)\n?$/.exec(line);
    if (match !== null) this.updated.add(match[1]!);
  }
}
