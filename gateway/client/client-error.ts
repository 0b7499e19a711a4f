import { type ErrorCode, errorCatalogue, type FieldError } from '../../schemas/errors.ts';

/** What a refusal says, from a frame, from REST, or made here. */
export interface ErrorFields {
  /** A code of the catalogue; a newer server may send others. */
  code: ErrorCode | (string & {});
  reason?: string | undefined;
  detail?: string | undefined;
  retryable?: boolean | undefined;
  retry_after_ms?: number | undefined;
  errors?: FieldError[] | undefined;
  cause?: unknown;
}

/**
 * The one error that the SDK rejects with. Compare `code` and `reason`, never the text.
 *
 * - `unavailable`: nothing was done. Reasons made here: `not_connected`, `too_many_pending`, `outbox_full`,
 *   `outbox_storage`, `closed`.
 * - `timeout`: the outcome is unknown. Reasons made here: `no_answer`, `disconnected`, `closed`, `network`.
 */
export class ClientError extends Error {
  readonly code: ErrorCode | (string & {});
  readonly reason: string | undefined;
  /** Repeating the same request is safe and may succeed. */
  readonly retryable: boolean;
  readonly retry_after_ms: number | undefined;
  /** The fields that break the schema, where `code` is `invalid`. */
  readonly errors: FieldError[] | undefined;

  constructor(fields: ErrorFields) {
    const { code, reason, detail, cause } = fields;
    super(detail ?? rowOf(code)?.title ?? code, cause === undefined ? undefined : { cause });
    this.name = 'ClientError';
    this.code = code;
    this.reason = reason;
    this.retryable = fields.retryable ?? rowOf(code)?.retryable ?? false;
    this.retry_after_ms = fields.retry_after_ms;
    this.errors = fields.errors;
  }
}

function rowOf(code: string) {
  return Object.hasOwn(errorCatalogue, code) ? errorCatalogue[code as ErrorCode] : undefined;
}

/** Whatever was thrown, as a ClientError: what is not ours is a failure that may pass. */
export function asClientError(thrown: unknown): ClientError {
  return thrown instanceof ClientError
    ? thrown
    : new ClientError({ code: 'unavailable', reason: 'failed', detail: String(thrown), cause: thrown });
}

/** Does this refusal stand however often the same is asked? Unknown outcomes and faults of the server pass. */
export function isFinal(error: ClientError): boolean {
  return !error.retryable && error.code !== 'timeout' && error.code !== 'internal';
}
