import { chattyFrames } from '../frames.ts';
import { hotHistory } from '../history.ts';
import { ordinalAt } from '../hot-tail.ts';
import type { ChatState } from '../state.ts';
import { entryOf, getReply, membershipOf } from '../views.ts';
import { blocked, type ChatDecision, noChat, type Of, unread } from './common.ts';

/** Reads, read marks and typing: nothing here is journaled. */

export function getChat(state: ChatState, command: Of<'chat.get'>): ChatDecision {
  const { by } = command;
  const member = state.members.get(by);
  if (state.facts === undefined || member === undefined) return noChat;
  return { reply: getReply(state, state.facts, by, member, command) };
}

export function getEntry(state: ChatState, { by, lean }: Of<'chat.entry'>): ChatDecision {
  return { reply: lean ? membershipOf(state, by) : entryOf(state, by) };
}

export function readHistory(state: ChatState, command: Of<'history'>): ChatDecision {
  if (!state.members.has(command.by)) return noChat;
  return { reply: hotHistory(state.tail, state.head, command) };
}

/**
 * Moves the caller's read mark, never back and never past the head. A mark is no event: it is moved here
 * and written behind, and a crash may lose it.
 */
export function markRead(state: ChatState, command: Of<'read'>): ChatDecision {
  const { by } = command;
  const member = state.members.get(by);
  if (member === undefined) return noChat;
  const read = Math.min(command.seq, state.head);
  if (read <= member.read) return { reply: { read: member.read } };
  const ordinal =
    read === state.head ? state.ordinal : (ordinalAt(state.tail, read) ?? fetched(state, command));
  member.read = read;
  member.read_ordinal = ordinal;
  return {
    reply: { read },
    marks: [{ user_id: by, read, ordinal }],
    frames: chattyFrames(state, 'read', { chat_id: state.id, user_id: by, seq: read }),
  };
}

function fetched(state: ChatState, command: object): number {
  const ordinal = state.fetched?.command === command ? state.fetched.ordinal : undefined;
  if (ordinal === undefined) throw unread();
  return ordinal;
}

export function tellTyping(state: ChatState, { by, active }: Of<'typing'>): ChatDecision {
  if (!state.members.has(by)) return noChat;
  if (state.blockers.size > 0) return blocked;
  return { reply: {}, frames: chattyFrames(state, 'typing', { chat_id: state.id, user_id: by, active }) };
}
