import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { once } from 'node:events';

/** A gRPC message without any field: everything from the beginning. */
const emptyMessage = Buffer.alloc(5);

/**
 * A program that follows the log over gRPC and takes nothing of what it is sent: HTTP/2 lets the server send a window of
 * 64 KiB, and then it waits. Nothing depends on the buffers of the machine.
 */
export class StalledSubscriber {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #startedAt = performance.now();
  #cutAfterMs: number | undefined;

  private constructor(session: ClientHttp2Session, stream: ClientHttp2Stream) {
    this.#session = session;
    this.#stream = stream;
    stream.once('close', () => (this.#cutAfterMs = performance.now() - this.#startedAt));
  }

  /** Subscribed: the server has begun to answer. */
  static async begin(url: string, token: string): Promise<StalledSubscriber> {
    const session = connect(url);
    session.on('error', () => undefined);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/plumbline.v1.EventService/Subscribe',
      'content-type': 'application/grpc+proto',
      authorization: `Bearer ${token}`,
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    const begun = once(stream, 'response');
    stream.end(emptyMessage);
    const [headers] = (await begun) as [Record<string, unknown>];
    // A refusal comes as headers only.
    if (headers['grpc-status'] !== undefined && headers['grpc-status'] !== '0') throw new Error(`subscribing over gRPC: ${String(headers['grpc-message'])}`);
    return new StalledSubscriber(session, stream);
  }

  /** Told to slow down, as gRPC says it. */
  get isCut(): boolean {
    return this.#stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM;
  }

  get cutAfterMs(): number | undefined {
    return this.#cutAfterMs;
  }

  leave(): void {
    this.#session.destroy();
  }
}
