import type { Refusal } from '../errors.ts';

/** A request with an `Idempotency-Key`: `body_hash` is the base64 of SHA-256 over method, path and body. */
export interface KeyedRequest {
  key: string;
  body_hash: string;
}

/** What a request was answered: a body, or a refusal that stands. */
export interface KeptAnswer {
  status: number;
  body?: unknown;
  refusal?: Refusal;
}

/** `answer`: the same request was answered before. */
export interface BegunKey {
  answer?: KeptAnswer;
}
