import { AppError } from '@plumbline/contracts';

/** What a packet line is besides data: the end of a message, and the end of one of its sections (gitprotocol-common(5)). */
export type Packet = Buffer | 'flush' | 'delimiter';

const lengthBytes = 4;
const packetBytesMax = 65_520;

/** A command with its capabilities, a delimiter, its arguments, and a flush: a request of protocol version 2. */
export const request = (command: readonly string[], args: readonly string[]): string => `${command.map(line).join('')}0001${args.map(line).join('')}0000`;

const line = (text: string): string => `${(Buffer.byteLength(text) + lengthBytes + 1).toString(16).padStart(lengthBytes, '0')}${text}\n`;

/**
 * The packet lines of a stream, as they come.
 *
 * @throws AppError `unavailable` when the bytes are no packet lines or end within one
 */
export async function* packets(stream: AsyncIterable<Buffer>): AsyncGenerator<Packet> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= lengthBytes) {
      const length = lengthAt(rest, at);
      if (length < lengthBytes) {
        yield length === 0 ? 'flush' : 'delimiter';
        at += lengthBytes;
      } else {
        if (rest.length - at < length) break;
        yield rest.subarray(at + lengthBytes, at + length);
        at += length;
      }
    }
    rest = rest.subarray(at);
  }
  if (rest.length > 0) throw malformed(`${rest.length} bytes after the last packet`);
}

/** A packet's text, without the line feed that ends it. */
export const textOf = (packet: Buffer): string => packet.toString('utf8', 0, packet.at(-1) === 0x0a ? packet.length - 1 : packet.length);

function lengthAt(bytes: Buffer, at: number): number {
  const digits = bytes.toString('latin1', at, at + lengthBytes);
  const length = /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
  // 2 is the end of a response where one connection carries several; over HTTP there is none. 3 is nothing.
  if (!(length <= packetBytesMax) || length === 2 || length === 3) throw malformed(`${JSON.stringify(digits)} is not the length of a packet`);
  return length;
}

const malformed = (why: string): AppError => new AppError('unavailable', `the Git server's answer can't be read: ${why}`, { retry: 'later' });
