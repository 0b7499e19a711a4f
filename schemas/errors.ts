/**
 * The error catalogue: every refusal that Suhbat gives, over REST or WebSocket, has one of these codes.
 * `status` is the HTTP status; `retryable` says whether repeating the same request is safe and may
 * succeed; `title` is the public one-liner. Nodes exchange refusals as plain data and compare `code`,
 * never classes.
 */
export const errorCatalogue = {
  invalid: { status: 400, retryable: false, title: 'The request breaks the schema' },
  unauthenticated: { status: 401, retryable: false, title: 'Authentication is missing or not valid' },
  forbidden: { status: 403, retryable: false, title: 'This is not yours to do' },
  not_found: { status: 404, retryable: false, title: 'There is no such thing, or not for you' },
  method_not_allowed: { status: 405, retryable: false, title: 'This path does not take that method' },
  conflict: { status: 409, retryable: false, title: 'This clashes with what is already there' },
  gone: { status: 410, retryable: false, title: 'This existed and is no more' },
  too_large: { status: 413, retryable: false, title: 'The request is larger than allowed' },
  unsupported_media_type: { status: 415, retryable: false, title: 'The body is of a type not taken here' },
  unprocessable: { status: 422, retryable: false, title: 'The request breaks a rule' },
  rate_limited: { status: 429, retryable: true, title: 'Too many requests' },
  internal: { status: 500, retryable: false, title: 'Something failed on our side' },
  unavailable: { status: 503, retryable: true, title: 'Not available right now; nothing was done' },
  actor_moved: { status: 503, retryable: true, title: 'The owner has changed; nothing was done' },
  timeout: { status: 504, retryable: false, title: 'No answer in time; the outcome is unknown' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

/** Close codes of a WebSocket, with what a client should do. See "Closing codes" in README. */
export const closeCodes = {
  draining: { code: 1001, reconnect: true },
  unauthenticated: { code: 4001, reconnect: true },
  misuse: { code: 4002, reconnect: false },
  revoked: { code: 4003, reconnect: false },
  too_slow: { code: 4008, reconnect: true },
  too_many: { code: 4009, reconnect: true },
  too_large: { code: 4013, reconnect: false },
} as const;

/** One field of a body or frame that is wrong; `path` is a JSON pointer into it. */
export interface FieldError {
  path: string;
  message: string;
}

/** A refusal as data: what travels between nodes, and what both pipelines turn into an answer. */
export interface Refusal {
  code: ErrorCode;
  /** Finer than `code`, and stable: `username_taken`, `no_chat` … */
  reason?: string;
  detail?: string;
  errors?: FieldError[];
  retry_after_ms?: number;
  /** For method_not_allowed: the methods that the path takes. */
  allow?: string;
}

/** The one error that our code throws on purpose. Anything else that is thrown is a bug: `internal`. */
export class SuhbatError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.detail ?? refusal.reason ?? errorCatalogue[refusal.code].title);
    this.name = 'SuhbatError';
    this.refusal = refusal;
  }

  get code(): ErrorCode {
    return this.refusal.code;
  }
}

/** `throw fail('forbidden', { reason: 'not_admin' })` */
export function fail(code: ErrorCode, more: Omit<Refusal, 'code'> = {}): SuhbatError {
  return new SuhbatError({ code, ...more });
}

/** A chat, or its whole shard, waits for an operator: that may last for hours, and nothing else should wait for it. */
export function awaitsOperator({ code, reason }: Refusal): boolean {
  return code === 'unavailable' && (reason === 'quarantined' || reason === 'frozen');
}

/** Any thrown value as a refusal; what is not ours becomes `internal` without a word of the cause. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof SuhbatError ? error.refusal : { code: 'internal' };
}
