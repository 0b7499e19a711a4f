import type { DoneReply, SendReply } from '../../../schemas/chat/commands.ts';
import type { MessageChanged } from '../../../schemas/chat/events.ts';
import type { Message } from '../../../schemas/chat/wire.ts';
import type { Refusal } from '../../../schemas/errors.ts';
import { limits } from '../../../schemas/limits.ts';
import { change, post } from '../draft.ts';
import { covers, findByClientId, type HotMessage, hotMessage } from '../hot-tail.ts';
import { isSurelyNew } from '../idempotence.ts';
import { reactionsOf, withReaction } from '../reactions.ts';
import { type ChatState, targetOf } from '../state.ts';
import { blocked, type ChatDecision, manages, noChat, type Of, refuse, unread } from './common.ts';

/** Writing, editing, deleting, reacting. */

export function sendMessage(state: ChatState, command: Of<'message.send'>, now: number): ChatDecision {
  const { by, text, reply_to = null } = command;
  const client_id = command.client_id.toLowerCase();
  const before = duplicateOf(state, command, client_id, now);
  if (before !== undefined) {
    const { seq, created_at } = before;
    return { reply: { chat_id: state.id, seq, created_at } satisfies SendReply };
  }
  if (!state.members.has(by)) return noChat;
  if (state.blockers.size > 0) return blocked;
  if (reply_to !== null && !exists(state, command, reply_to))
    return refuse('unprocessable', 'reply_not_found', 'The message that this replies to is not in the chat');
  const event = post(state, by, { client_id, text, reply_to }, now);
  const { seq, created_at } = event.message;
  return { reply: { chat_id: state.id, seq, created_at } satisfies SendReply, events: [event] };
}

/** The message that an earlier send of this `client_id` made: comes before every refusal. */
function duplicateOf(
  state: ChatState,
  command: Of<'message.send'>,
  clientId: string,
  now: number,
): { seq: number; created_at: string } | undefined {
  const { by } = command;
  const known = state.members.get(by) ?? state.former.get(by);
  if (known === undefined || isSurelyNew(clientId, known.last_client_id, now)) return undefined;
  const hot = findByClientId(state.tail, by, clientId);
  if (hot !== undefined || state.tail.floor === 1) return hot;
  if (state.fetched?.command !== command) throw unread();
  return state.fetched.duplicate;
}

function exists(state: ChatState, command: object, seq: number): boolean {
  if (covers(state.tail, seq)) return hotMessage(state.tail, seq) !== undefined;
  if (state.fetched?.command !== command) throw unread();
  return state.fetched.replyExists === true;
}

/** Authors edit. The same text again changes nothing. */
export function editMessage(state: ChatState, command: Of<'message.edit'>, now: number): ChatDecision {
  const found = findTarget(state, command);
  if ('refuse' in found) return found;
  const { hot } = found;
  if (hot.message.sender_id !== command.by)
    return refuse('forbidden', 'not_author', 'Only its author may edit a message');
  if (hot.message.text === command.text) return unchanged(hot);
  if (state.blockers.size > 0) return blocked;
  return changed(state, now, hot, (at) => ({ text: command.text, edited_at: at }));
}

/** Authors delete, and the admins of a group. The message keeps its place, empty. */
export function deleteMessage(state: ChatState, command: Of<'message.delete'>, now: number): ChatDecision {
  const found = findTarget(state, command);
  if ('refuse' in found) return found;
  const { hot } = found;
  const role = state.members.get(command.by)?.role ?? 'member';
  if (hot.message.sender_id !== command.by && !manages(role))
    return refuse('forbidden', 'not_author', 'Only its author or an admin may delete a message');
  return changed(state, now, hot, (at) => ({ text: '', media: null, reactions: [], deleted_at: at }));
}

/** One reaction per user and message, so many emojis. The same again, or taking back none, changes nothing. */
export function setReaction(state: ChatState, command: Of<'reaction.set'>, now: number): ChatDecision {
  const found = findTarget(state, command);
  if ('refuse' in found) return found;
  const { hot } = found;
  const { by, emoji } = command;
  if (hot.reactors === undefined) throw unread();
  const own = hot.reactors.find((reactor) => reactor.user_id === by)?.emoji ?? null;
  if (own === emoji) return unchanged(hot);
  if (emoji !== null && state.blockers.size > 0) return blocked;
  const reactions = reactionsOf(withReaction(hot.reactors, by, emoji));
  // A message may have more from before there was this bound; it gets no further ones.
  if (reactions.length > Math.max(limits.emojis, hot.message.reactions.length)) return tooManyEmojis;
  return changed(state, now, hot, () => ({ reactions }), { user_id: by, emoji });
}

/** The message that a member wants to change, if it can be changed at all. */
function findTarget(
  state: ChatState,
  command: Of<'message.edit' | 'message.delete' | 'reaction.set'>,
): { hot: HotMessage } | { refuse: Refusal } {
  const { by, target } = command;
  if (!state.members.has(by)) return noChat;
  if (!covers(state.tail, target) && state.fetched?.command !== command) throw unread();
  const hot = targetOf(state, target);
  if (hot === undefined) return refuse('not_found', 'no_message', 'There is no such message in this chat');
  if (hot.message.kind === 'service')
    return refuse('forbidden', 'service_message', 'Service messages stay as they are');
  if (hot.message.deleted_at !== null) return refuse('gone', 'already_deleted', 'This message was deleted');
  return { hot };
}

function changed(
  state: ChatState,
  now: number,
  hot: HotMessage,
  fields: (at: string) => Partial<Message>,
  reaction?: MessageChanged['reaction'],
): ChatDecision {
  const event = change(state, hot, fields, now, reaction);
  return { reply: { seq: event.message.changed_seq } satisfies DoneReply, events: [event] };
}

function unchanged(hot: HotMessage): ChatDecision {
  return { reply: { seq: hot.message.changed_seq } satisfies DoneReply };
}

const tooManyEmojis = refuse(
  'unprocessable',
  'too_many_emojis',
  `A message has reactions of at most ${limits.emojis} different emojis`,
);
