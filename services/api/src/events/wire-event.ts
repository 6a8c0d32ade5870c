import { create } from '@bufbuild/protobuf';
import { SubscribeResponseSchema } from '@plumbline/contracts/events-proto';
import type { Event, SubscribeResponse } from '@plumbline/contracts/events-proto';
import type { RecordedEvent } from '@plumbline/contracts';

/** An event as the API shows it. */
export interface ShownEvent {
  position: number;
  id: string;
  stream: string;
  version: number;
  type: string;
  time: string;
  actor: string;
  data: unknown;
}

export const shown = ({ position, id, stream, version, type, at, metadata, data }: RecordedEvent): ShownEvent => ({
  position,
  id,
  stream,
  version,
  type,
  time: at,
  actor: metadata.actor,
  data,
});

/** The fields of the gRPC message; see events.proto. */
export const eventMessage = (event: RecordedEvent, dataJson: string): Omit<Event, '$typeName' | '$unknown'> => ({
  position: BigInt(event.position),
  id: event.id,
  stream: event.stream,
  version: BigInt(event.version),
  type: event.type,
  time: event.at,
  actor: event.metadata.actor,
  dataJson,
});

/** An event with its forms on the wire, each made once however many subscribers take it. */
export class WireEvent {
  readonly event: RecordedEvent;
  readonly #dataJson: string;
  /** About what it holds in memory. */
  readonly sizeBytes: number;
  #sse: string | undefined;
  #message: SubscribeResponse | undefined;

  constructor(event: RecordedEvent) {
    this.event = event;
    this.#dataJson = JSON.stringify(event.data);
    this.sizeBytes = 1024 + 4 * this.#dataJson.length;
  }

  sse(): string {
    if (this.#sse === undefined) {
      const head = JSON.stringify({ ...shown(this.event), data: undefined });
      this.#sse = `id: ${this.event.position}\ndata: ${head.slice(0, -1)},"data":${this.#dataJson}}\n\n`;
    }
    return this.#sse;
  }

  message(): SubscribeResponse {
    return (this.#message ??= create(SubscribeResponseSchema, { message: { case: 'event', value: eventMessage(this.event, this.#dataJson) } }));
  }
}
