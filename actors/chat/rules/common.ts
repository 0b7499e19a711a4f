import type { ChatCommand, ChatCommandType } from '../../../schemas/chat/commands.ts';
import type { ChatEvent, ReadMark } from '../../../schemas/chat/events.ts';
import type { Role } from '../../../schemas/chat/wire.ts';
import { type ErrorCode, fail, type Refusal } from '../../../schemas/errors.ts';
import type { Decision } from '../../runtime/kind.ts';

/** What the rules of all commands share. */

export type ChatDecision = Decision<ChatEvent, ReadMark>;
export type Of<T extends ChatCommandType> = Extract<ChatCommand, { type: T }>;

export function refuse(code: ErrorCode, reason: string, detail: string): { refuse: Refusal } {
  return { refuse: { code, reason, detail } };
}

/** The same for a chat that is not there and for one that is not the caller's: neither tells of the other. */
export const noChat = refuse('not_found', 'no_chat', 'There is no such chat, or you are not in it');

/** Between whom a block stands nothing is said. Whose it is, is not told. */
export const blocked = refuse('forbidden', 'blocked', 'One of you has blocked the other');

/**
 * A turn came without the rows it needs: other turns came between reading and this one, too often, or the
 * clock stepped back. Nothing was done; the caller may repeat it.
 */
export function unread(): Error {
  return fail('unavailable', { reason: 'unread' });
}

/** May this role rename, remove and appoint? */
export function manages(role: Role): boolean {
  return role !== 'member';
}
