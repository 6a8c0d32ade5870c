import { AppError } from '@plumbline/contracts';

const newline = 0x0a;

/** Cuts a stream of chunks into lines. `too-large` for a line over the limit: memory must not depend on what a peer sends. */
export function makeLineSplitter(lineBytesMax: number, onLine: (line: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = [];
  let restBytes = 0;
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      limit(restBytes + piece.length);
      const line = rest.length === 0 ? piece : Buffer.concat([...rest, piece]);
      rest = [];
      restBytes = 0;
      if (line.length > 0) onLine(line);
    }
    if (start === chunk.length) return;
    const piece = chunk.subarray(start);
    restBytes += piece.length;
    limit(restBytes);
    rest.push(piece);
  };

  function limit(bytes: number): void {
    if (bytes > lineBytesMax) throw new AppError('too-large', `a line of the watch is longer than ${lineBytesMax} bytes`);
  }
}
