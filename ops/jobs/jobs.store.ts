import { sql } from 'slonik';
import { type Transaction, typed } from '../connections/postgres.ts';
import type { JobKind } from './kind.ts';

/**
 * SQL on the queue. Tables and functions of the schema `graphile_worker` are that library's: only its documented
 * functions and its view `jobs`, which leaves payloads out, are used here.
 */

export interface JobOptions {
  /** While a job of this key waits, another one with it takes its place. */
  key?: string;
  /** Milliseconds since 1970; not before. */
  runAt?: number;
  maxTries?: number;
}

/**
 * Adds a job in the caller's transaction: it runs after the commit, and never where that fails. Throws `invalid`
 * for a payload that its kind does not take.
 */
export async function addJob<Payload>(
  tx: Transaction,
  kind: JobKind<Payload>,
  payload: Payload,
  { key, runAt, maxTries }: JobOptions = {},
): Promise<void> {
  const text = JSON.stringify(kind.read(payload));
  const at = runAt === undefined ? null : new Date(runAt).toISOString();
  await tx.query(sql.unsafe`
    select from graphile_worker.add_job(
      identifier => ${kind.name}::text, payload => ${text}::json, run_at => ${at}::timestamptz,
      max_attempts => ${maxTries ?? kind.maxTries}::integer, job_key => ${key ?? null}::text)`);
}

export interface DeadJob {
  id: string;
  kind: string;
  tries: number;
  /** What the last try failed of: a code or the name of an error, nothing personal. */
  error: string | null;
  created_at: string;
  failed_at: string;
}

const isDead = sql.fragment`attempts >= max_attempts and locked_at is null`;

/** Jobs that have failed for good, the oldest first. */
export async function listDead(db: Transaction, limit: number): Promise<readonly DeadJob[]> {
  return db.any(typed<DeadJob>()`
    select id::text, task_identifier as kind, attempts as tries, last_error as error, created_at,
      updated_at as failed_at
    from graphile_worker.jobs where ${isDead} order by id limit ${limit}`);
}

/** Begins dead jobs anew, all of them or these; gives how many there were. */
export async function retryDead(db: Transaction, ids: readonly string[] | 'all'): Promise<number> {
  const which = ids === 'all' ? sql.fragment`` : sql.fragment`and id = any(${sql.array([...ids], 'int8')})`;
  const { count } = await db.one(typed<{ count: number }>()`
    select count(*) from graphile_worker.reschedule_jobs(
      array(select id from graphile_worker.jobs where ${isDead} ${which}), run_at => now(), attempts => 0)`);
  return count;
}

export type JobState = 'waiting' | 'running' | 'dead';

/** How many jobs there are in each state. */
export async function countJobs(db: Transaction): Promise<Record<JobState, number>> {
  return db.one(typed<Record<JobState, number>>()`
    select count(*) filter (where locked_at is not null) as running, count(*) filter (where ${isDead}) as dead,
      count(*) filter (where locked_at is null and attempts < max_attempts) as waiting
    from graphile_worker.jobs`);
}

/** This worker lives. */
export async function beat(db: Transaction, workerId: string): Promise<void> {
  await db.query(sql.unsafe`
    insert into job_workers (id, seen_at) values (${workerId}, now())
    on conflict (id) do update set seen_at = excluded.seen_at`);
}

/** It has stopped, and holds nothing. */
export async function forgetWorker(db: Transaction, workerId: string): Promise<void> {
  await db.query(sql.unsafe`delete from job_workers where id = ${workerId}`);
}

/**
 * Gives the jobs of workers that were not seen for so long to the others; gives how many there were. Times are
 * PostgreSQL's: the clocks of two machines are never compared.
 */
export async function takeFromTheDead(db: Transaction, deadMs: number): Promise<number> {
  return db.transaction(async (tx) => {
    const since = sql.fragment`now() - ${deadMs} * interval '1 millisecond'`;
    const lost = await tx.any(typed<{ worker: string; jobs: number }>()`
      select locked_by as worker, count(*) as jobs from graphile_worker.jobs
      where locked_at < ${since}
        and not exists (select from job_workers where id = locked_by and seen_at >= ${since})
      group by locked_by`);
    const workers = lost.map(({ worker }) => worker);
    if (workers.length > 0)
      await tx.query(sql.unsafe`select graphile_worker.force_unlock_workers(${sql.array(workers, 'text')})`);
    await tx.query(sql.unsafe`delete from job_workers where seen_at < ${since}`);
    return lost.reduce((sum, { jobs }) => sum + jobs, 0);
  });
}
