import { AppError } from '@plumbline/contracts';

/**
 * The conversation with an engine; engine/internal/wire/wire.go describes it and is its other side. A frame is two
 * big-endian uint32 (length of the header, length of the body), the header as JSON, the body as bytes.
 */
export interface Frame {
  header: Record<string, unknown>;
  body: Buffer;
}

const prefixBytes = 8;

export function encodeFrame(header: unknown, body: readonly Uint8Array[] = []): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(text.length, 0);
  prefix.writeUInt32BE(
    body.reduce((sum, part) => sum + part.length, 0),
    4,
  );
  return Buffer.concat([prefix, text, ...body]);
}

/** Puts chunks of a pipe together to frames. */
export function makeFrameDecoder(frameBytesMax: number): (chunk: Buffer) => Frame[] {
  let chunks: Buffer[] = [];
  let waiting = 0;
  let needed = prefixBytes;

  return (chunk) => {
    chunks.push(chunk);
    waiting += chunk.length;
    const frames: Frame[] = [];
    while (waiting >= needed) {
      const [first, ...others] = chunks;
      const bytes = first !== undefined && others.length === 0 ? first : Buffer.concat(chunks);
      const headerLength = bytes.readUInt32BE(0);
      const frameLength = prefixBytes + headerLength + bytes.readUInt32BE(4);
      if (frameLength > frameBytesMax) throw new AppError('internal', `the engine sent a message of ${frameLength} bytes, more than ${frameBytesMax}`);
      chunks = [bytes];
      if (waiting < frameLength) {
        needed = frameLength;
        break;
      }
      const bodyAt = prefixBytes + headerLength;
      frames.push({ header: JSON.parse(bytes.toString('utf8', prefixBytes, bodyAt)) as Record<string, unknown>, body: bytes.subarray(bodyAt, frameLength) });
      chunks = [bytes.subarray(frameLength)];
      waiting -= frameLength;
      needed = prefixBytes;
    }
    return frames;
  };
}
