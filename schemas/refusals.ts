import type { ErrorCode } from './errors.ts';
import type { RequestType } from './frames/client.ts';

/** Refusals by code, each with the stable reasons that it may give. */
export type Refusals = { readonly [C in ErrorCode]?: readonly string[] };

const noChat = { not_found: ['no_chat'] } as const;
const noMessage = { not_found: ['no_chat', 'no_message'], gone: ['already_deleted'] } as const;

/**
 * What each request may be refused with, over a socket and over REST alike, because of what it asks. Not
 * named: what every request may get (`rate_limited`, `unavailable`, `actor_moved`, `timeout`, `internal`),
 * `invalid` where its own fields are wrong, and `unauthenticated` where nobody is logged in.
 */
export const requestRefusals: { readonly [T in RequestType]: Refusals } = {
  ping: {},
  auth: { unauthenticated: ['token_invalid', 'token_expired', 'login_revoked'], forbidden: ['other_user'] },
  sync: { invalid: ['bad_cursor'] },
  'chat.create': {
    not_found: ['no_user'],
    forbidden: ['blocked', 'privacy'],
    conflict: ['id_taken'],
    unprocessable: ['not_for_private', 'one_user', 'oneself', 'not_for_group', 'title_required'],
  },
  'chat.get': { ...noChat, invalid: ['bad_cursor'] },
  'chat.update': { ...noChat, forbidden: ['private_chat', 'not_admin'], conflict: ['username_taken'] },
  'chat.join': { ...noChat, forbidden: ['removed', 'private_chat'], unprocessable: ['chat_full'] },
  'chat.leave': { ...noChat, forbidden: ['private_chat'] },
  'member.add': { ...noChat, forbidden: ['private_chat'], unprocessable: ['chat_full'] },
  'member.remove': {
    not_found: ['no_chat', 'no_member'],
    forbidden: ['private_chat', 'not_admin', 'not_owner'],
  },
  'member.role': {
    not_found: ['no_chat', 'no_member'],
    forbidden: ['private_chat', 'not_admin', 'not_owner', 'owner'],
  },
  'message.send': { ...noChat, forbidden: ['blocked', 'privacy'], unprocessable: ['reply_not_found'] },
  'message.edit': { ...noMessage, forbidden: ['service_message', 'not_author', 'blocked'] },
  'message.delete': { ...noMessage, forbidden: ['service_message', 'not_author'] },
  'reaction.set': {
    ...noMessage,
    forbidden: ['service_message', 'blocked'],
    unprocessable: ['too_many_emojis'],
  },
  history: noChat,
  read: noChat,
  typing: { ...noChat, forbidden: ['blocked'] },
  'presence.watch': {},
};
