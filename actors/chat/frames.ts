import type { Envelope } from '../../ops/bus/bus.ts';
import type { ChatEvent } from '../../schemas/chat/events.ts';
import { seqOf } from '../../schemas/chat/events.ts';
import { encodeEvent } from '../../schemas/frames/codec.ts';
import type { EventFields } from '../../schemas/frames/server.ts';
import { limits } from '../../schemas/limits.ts';
import { subjects } from '../../schemas/subjects.ts';
import type { Outgoing } from '../runtime/kind.ts';
import { messageText } from './message-text.ts';
import type { ChatState } from './state.ts';

/**
 * What leaves when an event is committed, encoded once. A private chat speaks to each of its two, every
 * other chat to its own subject. `chat.new` waits for the flush, so that a list read from SQL has the chat,
 * or the one who reads it is subscribed already and hears of it. `chat.gone` does not wait; where it overtakes a
 * `chat.new`, it follows that, too.
 */
export function frames(id: string, event: ChatEvent, text?: string): Outgoing[] {
  const { message, member_seq } = event;
  const gone = event.type === 'noted' ? event.gone : undefined;
  const envelope: Envelope = {
    frame: encodeMessage(
      event.type === 'changed' ? 'message.changed' : 'message.new',
      messageText(event, text),
    ),
    chat:
      gone === undefined
        ? { id, seq: seqOf(event), member_seq }
        : { id, seq: seqOf(event), member_seq, removed: [gone] },
  };
  const { sender_id, receiver_id } = message;
  const outgoing: Outgoing[] =
    receiver_id === undefined
      ? [{ subject: subjects.chat(id), envelope }]
      : [sender_id, receiver_id].map((user) => ({ subject: subjects.user(user), envelope }));
  if (event.type === 'noted') {
    if (gone !== undefined) outgoing.push(goneFrame(id, gone, member_seq));
    for (const { user_id, chat } of event.welcome ?? []) {
      const attach = chat.type === 'private' ? {} : { attach: id };
      outgoing.push({
        subject: subjects.user(user_id),
        envelope: { frame: encodeEvent('chat.new', { chat }), chat: { id, member_seq }, ...attach },
        after: 'flushed',
      });
    }
  }
  return outgoing;
}

/** As `encodeEvent` does, of a message's JSON. */
function encodeMessage(type: 'message.new' | 'message.changed', message: string): string {
  return `{"type":"${type}",${message.slice(1)}`;
}

function goneFrame(id: string, user: string, member_seq: number): Outgoing {
  const frame = encodeEvent('chat.gone', { chat_id: id });
  const envelope = { frame, chat: { id, member_seq, removed: [user] } };
  return { subject: subjects.user(user), envelope, lastWord: true };
}

/** Frames that no event carries: told in chats of up to 200 members. */
export function chattyFrames<T extends 'read' | 'typing'>(
  state: ChatState,
  type: T,
  fields: EventFields<T>,
): Outgoing[] {
  if (state.members.size > limits.chattyMembers) return [];
  const envelope: Envelope = {
    frame: encodeEvent(type, fields),
    ...(type === 'typing' && { droppable: true }),
    chat: { id: state.id, member_seq: state.member_seq },
  };
  if (state.facts?.type !== 'private') return [{ subject: subjects.chat(state.id), envelope }];
  return [...state.members.keys()].map((user) => ({ subject: subjects.user(user), envelope }));
}
