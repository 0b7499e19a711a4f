import type { TSchema } from 'typebox';
import { errorCatalogue, SuhbatError } from '../../../../schemas/errors.ts';
import { eventFrames, replyFrames } from '../../../../schemas/frames/server.ts';
import { Problem } from '../../../../schemas/rest/problem.ts';
import { validator } from '../../../../schemas/validator.ts';

/** Holds everything that the program says to its schema, where no field may stand that is not named. */

type Check = (value: unknown) => string | undefined;
type Json = { [key: string]: unknown };

/** A check against the schema with `additionalProperties: false` wherever it does not say otherwise. */
export function exactly(schema: TSchema, more: Json = {}): Check {
  const closed = close(JSON.parse(JSON.stringify(schema))) as Json;
  const { properties = {}, required = [] } = closed as { properties?: Json; required?: string[] };
  const extended =
    Object.keys(more).length === 0
      ? closed
      : { ...closed, properties: { ...properties, ...more }, required: [...required, ...Object.keys(more)] };
  const validate = validator(extended as TSchema);
  return (value) => {
    try {
      validate(value);
      return undefined;
    } catch (error) {
      if (!(error instanceof SuhbatError)) throw error;
      return JSON.stringify(error.refusal.errors);
    }
  };
}

function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== 'object' || schema === null) return schema;
  const closed: Json = {};
  for (const [key, value] of Object.entries(schema)) closed[key] = close(value);
  const open = closed.additionalProperties === undefined && typeof closed.properties === 'object';
  // Only where it describes an object: a property may be called `properties`.
  if (open && closed.type === 'object') closed.additionalProperties = false;
  return closed;
}

const text = { type: 'string' };
const events = new Map(
  Object.entries(eventFrames).map(([type, schema]) => [type, exactly(schema, { type: { const: type } })]),
);
const replies = new Map(
  Object.entries(replyFrames).map(([type, schema]) => [
    type,
    exactly(schema, { re: text, type: { const: 'ok' } }),
  ]),
);

const faults: string[] = [];

function fault(what: string, value: unknown): void {
  faults.push(`${what}: ${JSON.stringify(value)}`);
}

/** Throws what came since it was asked last and is not as the contract says. */
export function expectExact(): void {
  const found = faults.splice(0);
  if (found.length > 0)
    throw new Error(`${found.length} faults, the first:\n${found.slice(0, 10).join('\n')}`);
}

/** A frame without `re`: an event, or the refusal of what had no usable `id`. */
export function checkEvent(frame: Json): void {
  const check = events.get(String(frame.type));
  const problem = check === undefined ? 'is no event' : check(frame);
  if (frame.type === 'error') checkErrorFrame(undefined, frame);
  else if (problem !== undefined) fault(problem, frame);
}

/** The reply to a request of this type; undefined: no request had its id. */
export function checkReply(type: string | undefined, frame: Json): void {
  const check = type === undefined ? undefined : replies.get(type);
  if (frame.type === 'error') checkErrorFrame(type ?? '', frame);
  else if (check === undefined) fault('is the reply to no request', frame);
  else {
    const problem = check(frame);
    if (problem !== undefined) fault(problem, frame);
  }
}

const errorFields = new Set([
  're',
  'type',
  'code',
  'reason',
  'title',
  'detail',
  'errors',
  'retryable',
  'retry_after_ms',
]);

/** `type`: of the request; undefined: it had no usable id. */
function checkErrorFrame(type: string | undefined, frame: Json): void {
  const row = Object.entries(errorCatalogue).find(([code]) => code === frame.code)?.[1];
  const again = frame.code === 'timeout' && type === 'message.send';
  const wrong =
    (type === undefined) !== (frame.re === undefined) ||
    frame.title !== row?.title ||
    frame.retryable !== (again || row?.retryable) ||
    Object.keys(frame).some((name) => !errorFields.has(name)) ||
    !isErrors(frame.errors);
  if (wrong) fault('is no error frame', frame);
}

function isErrors(errors: unknown): boolean {
  if (errors === undefined) return true;
  const isError = (one: Json) =>
    Object.keys(one).sort().join() === 'message,path' &&
    typeof one.path === 'string' &&
    typeof one.message === 'string';
  return Array.isArray(errors) && errors.length > 0 && errors.every(isError);
}

const problem = exactly(Problem);

/** A refusal over REST, to the letter of RFC 9457 and the catalogue. */
export function checkProblem(status: number, body: Json, requestId: string | null): void {
  const row = Object.entries(errorCatalogue).find(([code]) => code === body.code)?.[1];
  const wrong =
    problem(body) !== undefined ||
    body.type !== `urn:suhbat:problem:${String(body.code)}` ||
    body.title !== row?.title ||
    body.status !== status ||
    row?.status !== status ||
    body.request_id !== requestId ||
    !isErrors(body.errors);
  if (wrong) fault('is no problem document', { status, body, requestId });
}

/** A good answer that is not as its row says. */
export function checkBody(name: string, check: Check | undefined, body: unknown): void {
  const wrong = check?.(body);
  if (wrong !== undefined) fault(`${name}: ${wrong}`, body);
}
