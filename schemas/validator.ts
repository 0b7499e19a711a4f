import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { Static, TSchema } from 'typebox';
import { type FieldError, fail, type SuhbatError } from './errors.ts';

/** The one Ajv: no coercion, no defaults, every error of a body at once (their number is bounded below). */
const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, allowUnionTypes: true });
addFormats.default(ajv, ['uuid', 'date-time', 'email']);

const errorsShown = 20;

export type Validate<T> = (value: unknown) => T;

/**
 * Compiles a schema into a check that gives the value back typed, or throws `invalid` naming the fields. Name `S` where
 * it is no schema in particular: the compiler would infer it from the result, for seconds.
 */
export function validator<S extends TSchema>(schema: S): Validate<Static<S>> {
  const check: ValidateFunction = ajv.compile(schema);
  return (value) => {
    if (check(value)) return value as Static<S>;
    throw fail('invalid', { errors: fieldErrors(check.errors ?? []) });
  };
}

function fieldErrors(errors: ErrorObject[]): FieldError[] {
  return errors.slice(0, errorsShown).map((error) => {
    const extra = error.params.additionalProperty ?? error.params.missingProperty;
    const path = typeof extra === 'string' ? `${error.instancePath}/${extra}` : error.instancePath;
    return { path, message: typeof extra === 'string' ? messageOf(error) : (error.message ?? error.keyword) };
  });
}

function messageOf(error: ErrorObject): string {
  return error.keyword === 'additionalProperties' ? 'is not known here' : 'is required';
}

/**
 * Parses JSON text of a client. Refused as `invalid`: bad JSON, U+0000 and lone surrogates (PostgreSQL
 * cannot keep them).
 */
export function parseJson(text: string): unknown {
  const value = parseLoosely(text);
  const fault = textFault(text, value);
  if (fault !== undefined) throw fault;
  return value;
}

/** Only parses: `textFault` must be asked before the value is used. Throws `invalid`. */
export function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fail('invalid', { reason: 'bad_json', detail: 'The body is not JSON' });
  }
}

/**
 * The refusal of the value of this JSON text, where that holds U+0000 or a lone surrogate. Raw text that
 * came through a strict UTF-8 decoder can hold either only as an escape, so texts without `\u` are not
 * walked.
 */
export function textFault(text: string, value: unknown): SuhbatError | undefined {
  return text.includes('\\u') ? badText(value, '') : undefined;
}

/** No body or frame of ours nests deeper than a few levels. */
const deepest = 32;

function badText(value: unknown, path: string, depth = 0): SuhbatError | undefined {
  if (depth > deepest) return fail('invalid', { reason: 'too_deep' });
  if (typeof value === 'string') {
    if (!value.includes('\0') && value.isWellFormed()) return undefined;
    const errors = [{ path, message: 'holds U+0000 or a lone surrogate' }];
    return fail('invalid', { reason: 'bad_text', errors });
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const fault = badText(key, path, depth + 1) ?? badText(item, `${path}/${key}`, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
