import type { Static, TSchema } from 'typebox';
import { type Validate, validator } from '../../schemas/validator.ts';

/** One kind of work that is done later, outside of any request: its name, and what it is given. */
export interface JobKind<Payload> {
  /** As in tables and metrics: `mail`. */
  readonly name: string;
  /** The payload, typed. Throws `invalid`. */
  readonly read: Validate<Payload>;
  /** After so many failures a job is dead, until an operator repeats it. */
  readonly maxTries: number;
  /** Milliseconds that one try may take. */
  readonly maxMs: number;
}

/** A handler is told, beside the payload: */
export interface JobRun {
  /** The same in every try of a job. */
  readonly id: string;
  /** From 1; this one included. */
  readonly tries: number;
  readonly lastTry: boolean;
  /** Aborted when the try has taken too long, or the process stops. */
  readonly signal: AbortSignal;
}

/** A kind with its handler, its payload hidden: what a worker takes. */
export interface JobHandler {
  readonly name: string;
  readonly maxMs: number;
  run(payload: unknown, run: JobRun): Promise<void>;
}

/** What is repeated by the clock. Of all processes one does it each time. */
export interface TimedJob {
  handler: JobHandler;
  /** Minute, hour, day, month, day of the week, in UTC: `17 * * * *`. */
  at: string;
}

/**
 * Keep payloads small, and put ids into them rather than what the ids stand for: they lie in PostgreSQL until
 * the job is done, without the care that tables of personal data get.
 */
export function defineJob<Schema extends TSchema>(
  name: string,
  payload: Schema,
  bounds: { maxTries?: number; maxMs?: number } = {},
): JobKind<Static<Schema>> {
  return {
    name,
    read: validator<Schema>(payload),
    maxTries: bounds.maxTries ?? 10,
    maxMs: bounds.maxMs ?? 60_000,
  };
}

/**
 * A job may run more than once: a process may die between its effect and the note that it was done. So `run` must
 * be safe to repeat. What it throws is a failed try, which is repeated after e, e², e³ … seconds.
 */
export function handleJob<Payload>(
  { name, read, maxMs }: JobKind<Payload>,
  run: (payload: Payload, about: JobRun) => Promise<void>,
): JobHandler {
  return { name, maxMs, run: async (payload, about) => run(read(payload), about) };
}
