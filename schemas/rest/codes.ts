import Type, { type Static } from 'typebox';
import { Strict, Username } from '../common.ts';
import { Name } from '../user/profile.ts';
import { Email, GivenPassword, NewPassword } from './accounts.ts';

/** Bodies of the routes that work with codes by mail. */

const Code = Type.String({ pattern: '^[0-9]{6}$', description: 'six digits' });

/** Says the same whether a mail was sent or not. */
export const CodeSent = Type.Object({
  expires_in: Type.Integer({ description: 'seconds for which a code is good' }),
});
export type CodeSent = Static<typeof CodeSent>;

/** Seconds. */
export const codeLifeS = 600;

export const CodeBody = Strict({ code: Code });
export type CodeBody = Static<typeof CodeBody>;

export const EmailBody = Strict({ email: Email });
export type EmailBody = Static<typeof EmailBody>;

export const EmailCodeBody = Strict({ email: Email, code: Code });
export type EmailCodeBody = Static<typeof EmailCodeBody>;

/** `current_password` is asked where the account has one. */
export const ChangeEmailBody = Strict({ email: Email, current_password: Type.Optional(GivenPassword) });
export type ChangeEmailBody = Static<typeof ChangeEmailBody>;

export const ResetBody = Strict({ email: Email, code: Code, new_password: NewPassword });
export type ResetBody = Static<typeof ResetBody>;

export const PendingRegisterBody = Strict({
  email: Email,
  username: Username,
  name: Name,
  password: NewPassword,
});
export type PendingRegisterBody = Static<typeof PendingRegisterBody>;

export const UsernameLoginBody = Strict({
  username: Type.String({ minLength: 1, maxLength: 254 }),
  password: GivenPassword,
});
