import type { ChatEvent } from '../../schemas/chat/events.ts';

const head = '{"type":"posted","message":';

/**
 * The JSON of an event's message. Of a message that was sent it is cut out of the event's own JSON, where that is at
 * hand: no letter is written twice on the way of a message from its turn to journal, sockets and rows.
 */
export function messageText(event: ChatEvent, text: string | undefined): string {
  const { type, message, ordinal, member_seq } = event;
  if (type !== 'posted' || text === undefined) return JSON.stringify(message);
  const tail = `,"ordinal":${ordinal},"member_seq":${member_seq}}`;
  if (!text.startsWith(head) || !text.endsWith(tail)) return JSON.stringify(message);
  return text.slice(head.length, -tail.length);
}
