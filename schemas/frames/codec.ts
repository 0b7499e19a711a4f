import { type ErrorCode, errorCatalogue, fail, type Refusal, type SuhbatError } from '../errors.ts';
import { limits } from '../limits.ts';
import { parseLoosely, textFault, type Validate, validator } from '../validator.ts';
import { type RequestFrame, type RequestType, requestFrames } from './client.ts';
import type { ErrorFrame, EventFields, EventType } from './server.ts';

/** Bytes ⇄ frames. Decoding has two steps, so that a refusal of the second can name the request's id. */

const validators = Object.fromEntries(
  Object.entries(requestFrames).map(([type, schema]) => [type, validator(schema)]),
) as unknown as { [T in RequestType]: Validate<RequestFrame<T>> };

export interface Decoded {
  /** The request's `id`, when that is usable. */
  id: string | undefined;
  frame: Record<string, unknown>;
  /** It holds text that nobody can keep: refuse it with this, naming the request. */
  fault?: SuhbatError;
}

/** The text of a frame as an object. Throws `invalid`. */
export function decode(text: string): Decoded {
  const frame = parseLoosely(text);
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame))
    throw fail('invalid', { reason: 'not_an_object', detail: 'A frame is one JSON object' });
  const { id } = frame as { id?: unknown };
  const usable = typeof id === 'string' && id.length > 0 && id.length <= limits.requestId;
  const decoded = { id: usable ? id : undefined, frame: frame as Record<string, unknown> };
  const fault = textFault(text, frame);
  return fault === undefined ? decoded : { ...decoded, fault };
}

/** The frame as the request that its `type` names. Throws `invalid` with the fields that are wrong. */
export function validate(frame: Record<string, unknown>): RequestFrame {
  const { type } = frame;
  if (typeof type !== 'string' || !Object.hasOwn(validators, type))
    throw fail('invalid', { reason: 'unknown_type', detail: 'There is no request of this type' });
  return validators[type as RequestType](frame);
}

export function encodeOk(re: string, fields: object): string {
  return JSON.stringify({ re, type: 'ok', ...fields });
}

export function encodeEvent<T extends EventType>(type: T, fields: EventFields<T>): string {
  return JSON.stringify({ type, ...fields });
}

/** `retryable` overrides the catalogue's word: a send of unknown outcome may be repeated. */
export function encodeError(re: string | undefined, refusal: Refusal, retryable?: boolean): string {
  const { code, reason, detail, errors, retry_after_ms } = refusal;
  const row = errorCatalogue[code as ErrorCode];
  const frame: ErrorFrame = {
    ...(re !== undefined && { re }),
    type: 'error',
    code,
    ...(reason !== undefined && { reason }),
    title: row.title,
    ...(detail !== undefined && { detail }),
    ...(errors !== undefined && { errors }),
    retryable: retryable ?? row.retryable,
    ...(retry_after_ms !== undefined && { retry_after_ms }),
  };
  return JSON.stringify(frame);
}
