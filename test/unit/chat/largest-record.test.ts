import { expect } from 'chai';
import { encodeEvent, encodeRecord } from '../../../actors/runtime/record.ts';
import type { ChatEvent } from '../../../schemas/chat/events.ts';
import { newId } from '../../../schemas/ids.ts';
import { limits } from '../../../schemas/limits.ts';
import { type Asked, createGroup, memoryChat, userOf } from '../../support/chat-driver.ts';

/** What NATS takes of a message and its headers, unless it is told otherwise; some is for the headers. */
const most = 1024 * 1024 - 1024;
/** As long as JSON makes them: six bytes for a letter. */
const [title, about] = ['\u0001'.repeat(limits.title), '\u0001'.repeat(limits.about)];

/** Bytes of the journal record that has these events alone. */
function bytesOf(chatId: string, events: readonly ChatEvent[]): number {
  const far = Number.MAX_SAFE_INTEGER;
  const header = { type: 'batch', epoch: far, previous: far, told: far, node: 'n'.repeat(100) } as const;
  return encodeRecord(
    header,
    events.map((event) => encodeEvent('chat', chatId, JSON.stringify(event))),
  ).length;
}

describe('the largest turn of a chat', () => {
  const users = (count: number) => Array.from({ length: count }, () => newId());

  it('fits into one record that NATS takes: making a group, and adding as many as one request names', async () => {
    const { driver: chat } = memoryChat();
    await chat.load();
    const by = newId();
    const create = { ...createGroup(by, users(limits.usersPerRequest)), title, about } as Asked;
    const made = await chat.ask(by, create);
    expect(made.events).to.have.length(limits.usersPerRequest + 1);
    expect(bytesOf(chat.id, made.events)).to.be.below(most);

    await chat.ask(by, { type: 'chat.update', username: 'u'.repeat(30) });
    // As in a chat that is old, with numbers of many digits, and members who come back.
    const back = users(limits.usersPerRequest);
    Object.assign(chat.state, { head: 10 ** 12, ordinal: 10 ** 12, member_seq: 10 ** 12 });
    const added = await chat.ask(by, { type: 'member.add', users: back.map((id) => userOf(id)) });
    expect(added.events).to.have.length(limits.usersPerRequest);
    const rows = added.events.map((event) =>
      event.type === 'noted'
        ? { ...event, members: event.members.map((row) => ({ ...row, last_client_id: newId() })) }
        : event,
    );
    expect(bytesOf(chat.id, rows)).to.be.within(most / 2, most);
  });
});
