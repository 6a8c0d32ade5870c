import type { Publisher, ReplyOf, RequestContract, RequestOf } from '@plumbline/contracts';

export interface CallOptions {
  /** Default: the contract's. */
  deadlineMs?: number;
  /** Token of the caller that the receiver checks, where the contract wants one. */
  token?: string;
}

export interface RequestContext {
  token?: string;
}

/** NATS: request-reply with a deadline, and announcements. Nothing lives in it: a message may be lost or come twice. */
export interface Bus extends Publisher {
  /** Throws the responder's AppError, `unavailable` without responder, `deadline-exceeded`, `too-large` over 64 KiB. */
  call<C extends RequestContract>(contract: C, request: RequestOf<C>, options?: CallOptions): Promise<ReplyOf<C>>;
  /** One of the replicas answers (queue group = the service). Requests are validated by the contract's schema. */
  serve<C extends RequestContract>(contract: C, handle: (request: RequestOf<C>, context: RequestContext) => Promise<ReplyOf<C>>): void;
  /** Subject is relative to the prefix. Body is JSON. */
  subscribe(subject: string, listener: (body: unknown) => void): () => void;
  isConnected(): boolean;
  close(): Promise<void>;
}
