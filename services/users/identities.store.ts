import { sql } from 'slonik';
import { type Transaction, typed } from '../../ops/connections/postgres.ts';
import { newId } from '../../schemas/ids.ts';
import { timestamp } from './users.store.ts';

/** SQL on `identities`. */

export interface Identity {
  provider: 'google' | 'phone';
  /** Who says so: subjects of two issuers may be equal. */
  issuer: string;
  subject: string;
}

/** The id of the user who is this. */
export async function findIdentity(
  db: Transaction,
  { provider, issuer, subject }: Identity,
): Promise<string | null> {
  return db.maybeOneFirst(typed<{ user_id: string }>()`
    select user_id from identities
    where provider = ${provider} and issuer = ${issuer} and subject = ${subject}`);
}

/** Fails with a unique violation when somebody is this already. */
export async function insertIdentity(
  db: Transaction,
  identity: Identity & { user_id: string; email_verified: boolean; now: number },
): Promise<void> {
  await db.query(sql.unsafe`
    insert into identities (id, user_id, provider, issuer, subject, email_verified, created_at)
    values (${newId()}, ${identity.user_id}, ${identity.provider}, ${identity.issuer}, ${identity.subject},
      ${identity.email_verified}, ${timestamp(identity.now)})`);
}
