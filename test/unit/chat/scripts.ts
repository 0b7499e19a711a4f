import fc from 'fast-check';
import type { ChatEvent } from '../../../schemas/chat/events.ts';
import type { Message } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import { type Asked, type ChatDriver, createGroup, memoryChat, userOf } from '../../support/chat-driver.ts';

/** Random lives of one group of five users, for properties. */

export const users = Array.from({ length: 5 }, () => newId());
const emojis = ['👍', '🔥', null] as const;
/** Client ids that come again: version 7 of the past, of the future, and version 4. */
const clientIds = [
  '01890000-0000-7000-8000-000000000001',
  '01890000-0000-7000-8000-000000000002',
  'ffff0000-0000-7000-8000-000000000003',
  'F47AC10B-58CC-4372-A567-0E02B2C3D479',
];

export type Step =
  | { step: 'ask'; by: number; asked: Asked }
  | { step: 'flush'; count: number }
  | { step: 'reload' }
  | { step: 'clock'; ms: number };

const user = fc.integer({ min: 0, max: users.length - 1 });
const target = fc.integer({ min: 4, max: 16 });
const words = fc.string({ minLength: 1, maxLength: 8 });

const send = fc.record({
  type: fc.constant('message.send' as const),
  kind: fc.constant('text' as const),
  client_id: fc.oneof({ weight: 4, arbitrary: fc.constant('') }, fc.constantFrom(...clientIds)),
  text: words,
  reply_to: fc.option(target, { freq: 6, nil: null }),
});
const change = fc.oneof(
  fc.record({ type: fc.constant('message.edit' as const), target, text: words }),
  fc.record({ type: fc.constant('message.delete' as const), target }),
  fc.record({ type: fc.constant('reaction.set' as const), target, emoji: fc.constantFrom(...emojis) }),
);
const who = user.map((index) => users[index] as string);
const membership = fc.oneof(
  fc.record({
    type: fc.constant('member.add' as const),
    users: fc.array(who, { maxLength: 3 }).map((ids) => ids.map((id) => userOf(id))),
  }),
  fc.record({ type: fc.constant('member.remove' as const), user_id: who }),
  fc.record({
    type: fc.constant('member.role' as const),
    user_id: who,
    role: fc.constantFrom('admin' as const, 'member' as const),
  }),
  fc.constant({ type: 'chat.leave' as const }),
  fc.constant({ type: 'chat.join' as const }),
  fc.record({
    type: fc.constant('chat.update' as const),
    title: words,
    username: fc.constantFrom('group', null),
  }),
);
const read = fc.record({ type: fc.constant('read' as const), seq: fc.integer({ min: 0, max: 60 }) });

const ask = (asked: fc.Arbitrary<Asked>) => fc.record({ step: fc.constant('ask' as const), by: user, asked });

export const script: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: ask(send) },
    { weight: 12, arbitrary: ask(change) },
    { weight: 3, arbitrary: ask(membership) },
    { weight: 3, arbitrary: ask(read) },
    {
      weight: 4,
      arbitrary: fc.record({ step: fc.constant('flush' as const), count: fc.integer({ min: 1, max: 20 }) }),
    },
    { weight: 2, arbitrary: fc.constant({ step: 'reload' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        step: fc.constant('clock' as const),
        ms: fc.integer({ min: -5000, max: 5000 }),
      }),
    },
  ),
  { minLength: 10, maxLength: 80 },
);

/** A group that has lived through the steps; `each` looks at it after every one. */
export async function live(
  steps: readonly Step[],
  tail: number,
  each: (chat: ChatDriver<never>) => void | Promise<void> = () => {},
) {
  const { driver: chat, tables } = memoryChat(newId(), tail);
  await liveIn(chat, steps, each as (chat: unknown) => void | Promise<void>);
  return { chat, tables };
}

/** The same in a chat that was only just thought of. */
export async function liveIn<Tx>(
  chat: ChatDriver<Tx>,
  steps: readonly Step[],
  each: (chat: ChatDriver<Tx>) => void | Promise<void> = () => {},
): Promise<void> {
  await chat.load();
  const [owner = '', ...others] = users;
  await chat.ask(owner, createGroup(owner, others.slice(0, 3)));
  for (const step of steps) {
    if (step.step === 'flush') await chat.flush(step.count);
    else if (step.step === 'clock') chat.now += step.ms;
    else if (step.step === 'ask') {
      const { asked } = step;
      const fresh = asked.type === 'message.send' && asked.client_id === '';
      await chat.ask(users[step.by] as string, fresh ? { ...asked, client_id: newId() } : asked);
    } else {
      await chat.flush();
      await chat.load();
    }
    await each(chat);
  }
}

/** The newest version of every message, by seq: what a naive reader of the log holds. */
export function messagesOf(events: readonly ChatEvent[]): Message[] {
  const bySeq = new Map(events.map(({ message }) => [message.seq, message]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
