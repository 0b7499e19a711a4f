import { expect } from 'chai';
import type { Message, ServiceNote } from '../../../../schemas/chat/wire.ts';
import type { ErrorFrame } from '../../../../schemas/frames/server.ts';
import type { Person } from './users.ts';

/** What the contract says that messages are, field by field. */

type Given = Pick<Message, 'chat_id' | 'seq' | 'sender_id' | 'created_at'>;

/** A text message that nobody has changed. */
export function textMessage(given: Given & Partial<Message>): Message {
  return {
    kind: 'text',
    text: '',
    media: null,
    reply_to: null,
    service: null,
    client_id: null,
    edited_at: null,
    deleted_at: null,
    changed_seq: given.seq,
    reactions: [],
    ...given,
  };
}

export function serviceMessage(given: Given & { receiver_id?: string }, service: ServiceNote): Message {
  return textMessage({ ...given, kind: 'service', service });
}

/** Waits until each of these has the event of this seq; all got the same one, once. */
export async function everybodyHears(
  people: readonly Person[],
  type: 'message.new' | 'message.changed',
  where: Partial<Message>,
): Promise<Message> {
  const heard = await Promise.all(people.map(({ socket }) => socket.event(type, where as never)));
  const [{ type: _, ...message }] = heard as [{ type: string } & Message];
  for (const event of heard) expect(event).to.deep.equal({ type, ...message });
  await Promise.all(people.map(({ socket }) => socket.quiet()));
  for (const { socket } of people) expect(socket.events(type, where as never)).to.have.length(1);
  return message;
}

/** Holds a refusal to its code and reason. */
export async function refused(
  refusal: Promise<ErrorFrame>,
  code: string,
  reason?: string,
): Promise<ErrorFrame> {
  const frame = await refusal;
  expect({ code: frame.code, reason: frame.reason }).to.deep.equal({ code, reason });
  return frame;
}

/** These hear nothing but what they had heard when this was called. */
export async function hearNothing(people: readonly Person[], act: () => Promise<unknown>): Promise<void> {
  for (const { socket } of people) await socket.quiet();
  const before = people.map(({ socket }) => socket.heard().length);
  await act();
  for (const [at, { socket }] of people.entries()) {
    await socket.quiet();
    expect(socket.heard().slice(before[at])).to.deep.equal([]);
  }
}
