import { defineService } from '../../ops/broker/broker.ts';
import { accountActions } from './account.ts';
import { avatarActions } from './avatars.ts';
import { codeEntryActions } from './code-entry.ts';
import { entryActions } from './entry.ts';
import { googleActions } from './google.ts';
import { loginActions } from './logins.ts';
import { ownEmailActions } from './own-email.ts';
import type { UsersParts } from './parts.ts';
import { passwordResetActions } from './password-reset.ts';
import { profileActions } from './profiles.ts';
import { refreshActions } from './refresh.ts';
import { relationActions } from './relations.ts';
import { ticketActions } from './tickets.ts';

/** The service `users`: accounts, logins, profiles. What each action takes and refuses stands beside it. */
export function createUsersService(parts: UsersParts) {
  return defineService('users', {
    ...entryActions(parts),
    ...codeEntryActions(parts),
    ...googleActions(parts),
    ...ownEmailActions(parts),
    ...passwordResetActions(parts),
    ...refreshActions(parts),
    ...loginActions(parts),
    ...ticketActions(parts),
    ...profileActions(parts),
    ...accountActions(parts),
    ...avatarActions(parts),
    ...relationActions(parts),
  });
}
