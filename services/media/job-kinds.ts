import Type from 'typebox';
import type { Transaction } from '../../ops/connections/postgres.ts';
import { addJob } from '../../ops/jobs/jobs.store.ts';
import { defineJob } from '../../ops/jobs/kind.ts';
import { Id } from '../../schemas/common.ts';

/** What is done about files outside of requests. Payloads are ids. */

const one = Type.Object({ file_id: Id }, { additionalProperties: false });
const owner = Type.Object({ owner_id: Id }, { additionalProperties: false });
const nothing = Type.Object({}, { additionalProperties: false });

/** An image gets its small picture. */
export const thumbJob = defineJob('media.thumb', one, { maxTries: 8, maxMs: 60_000 });
/** The bytes of a removed file go. */
export const removeJob = defineJob('media.remove', one, { maxTries: 20, maxMs: 60_000 });
/** Those of all removed files of one user go: the account has ended. */
export const removeAllJob = defineJob('media.remove_all', owner, { maxTries: 20, maxMs: 10 * 60_000 });
/** Avatars of one user that nobody wears go. */
export const tidyJob = defineJob('media.tidy', owner);
/** What was left behind goes. */
export const cleanJob = defineJob('media.clean', nothing, { maxTries: 3, maxMs: 10 * 60_000 });

/** Milliseconds for which an avatar that nobody wears is kept: it may have been uploaded to be put on later. */
export const unwornMs = 24 * 60 * 60_000;

/** One look at a user's avatars, when what is old enough now will be. */
export async function tidyLater(tx: Transaction, owner_id: string, now: number): Promise<void> {
  await addJob(tx, tidyJob, { owner_id }, { key: `media.tidy ${owner_id}`, runAt: now + unwornMs + 60_000 });
}
