import type {
  CodeSent,
  EmailBody,
  EmailCodeBody,
  PendingRegisterBody,
  ResetBody,
} from '../../schemas/rest/codes.ts';
import { createRest, type RestOptions, type TokensAnswer } from './rest.ts';

/**
 * Accounts by codes: six digits that go to a mail address, good for one use, `expires_in` seconds and five tries; a
 * new one makes the old one void. Whether an address belongs to somebody is not told. Each rejects with a
 * ClientError; `rate_limited` tells in `retry_after_ms` when to ask again.
 */

export type PendingRegistration = PendingRegisterBody;

/**
 * Begins a registration in two steps, and mails its code; asking again mails another. Refusals: `conflict`
 * (`username_taken`), `unprocessable` (`username_reserved`, `password_too_long`), `rate_limited` (`too_many_codes`).
 */
export function beginRegister(
  url: string,
  fields: PendingRegistration,
  options?: RestOptions,
): Promise<CodeSent> {
  return createRest(url, options).post('/api/v1/register', fields);
}

/**
 * Makes the account that waits for this code. Refusals: `unprocessable` (`code_wrong`, `code_expired`), `conflict`
 * (`username_taken`, `email_taken`) where somebody was faster.
 */
export function endRegister(
  url: string,
  fields: EmailCodeBody,
  options?: RestOptions,
): Promise<TokensAnswer> {
  return createRest(url, options).post('/api/v1/verify-register', fields);
}

/** Mails a code for a new password to the owner of the address, if there is one. */
export function forgotPassword(url: string, fields: EmailBody, options?: RestOptions): Promise<CodeSent> {
  return createRest(url, options).post('/api/v1/auth/password/forgot', fields);
}

/** Sets the new password; every login of the user ends. Refusals: `unprocessable` (`code_wrong`, `code_expired`). */
export function resetPassword(url: string, fields: ResetBody, options?: RestOptions): Promise<void> {
  return createRest(url, options).post('/api/v1/auth/password/reset', fields);
}
