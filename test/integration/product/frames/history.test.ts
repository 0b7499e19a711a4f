import { expect } from 'chai';
import type { Message } from '../../../../schemas/chat/wire.ts';
import { refused } from '../support/expected.ts';
import { useProduct } from '../support/program.ts';
import { say } from '../support/secrets.ts';
import { newGroup, newPeople, newPrivate, type Person } from '../support/users.ts';
import { message } from './cases.ts';

const seqs = (messages: readonly Message[]) => messages.map(({ seq }) => seq);
const range = (from: number, to: number) =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, at) => (from < to ? from + at : from - at));

async function fill(who: Person, chat_id: string, count: number, text?: string): Promise<void> {
  for (let sent = 0; sent < count; sent += 50) {
    const some = Array.from({ length: Math.min(50, count - sent) }, () =>
      who.socket.request('message.send', { ...message(chat_id), ...(text !== undefined && { text }) }),
    );
    await Promise.all(some);
  }
}

/** The pages that follow each other by `next`, as one list; each but the last has a full `limit`. */
async function pages(
  ask: (from: number | undefined) => Promise<{ messages: Message[]; has_more: boolean }>,
  next: (message: Message) => number,
): Promise<Message[]> {
  const all: Message[] = [];
  for (let from: number | undefined; ; ) {
    const { messages, has_more } = await ask(from);
    all.push(...messages);
    const last = messages.at(-1);
    if (!has_more || last === undefined) return all;
    from = next(last);
  }
}

describe('history', () => {
  useProduct();

  let ann: Person;
  let bob: Person;
  /** 260 seqs: more than memory holds of a chat that has been flushed. */
  let chat_id: string;
  const head = 260;

  before(async function () {
    this.timeout(60_000);
    [ann, bob] = await newPeople('ann', 'bob');
    ({ id: chat_id } = await newGroup(ann, bob));
    await fill(ann, chat_id, head - 2);
  });

  const ask = (fields: object) => bob.socket.request('history', { chat_id, ...fields });

  it('gives the newest 50, newest first, where nothing is said', async () => {
    const { messages, ...rest } = await ask({});
    expect(rest).to.deep.equal({ head, has_more: true });
    expect(seqs(messages)).to.deep.equal(range(260, 211));
  });

  it('pages backwards to the first message, by any limit of 1 to 200', async () => {
    for (const limit of [1, 7, 200]) {
      const first = await ask({ limit, before: head + 1 });
      expect(seqs(first.messages)).to.deep.equal(range(head, head - limit + 1));
    }
    const all = await pages(
      (before) => ask({ limit: 77, ...(before !== undefined && { before }) }),
      ({ seq }) => seq,
    );
    expect(seqs(all)).to.deep.equal(range(head, 1));
    expect(await ask({ before: 1 })).to.deep.equal({ messages: [], head, has_more: false });
    expect((await ask({ before: 3 })).has_more).to.equal(false);
    expect(seqs((await ask({ before: 1e9, limit: 1 })).messages)).to.deep.equal([head]);
  });

  it('gives what is around a seq, newest first', async () => {
    for (const around of [30, 130, 255]) {
      const { messages, has_more } = await ask({ around, limit: 9 });
      expect(seqs(messages)).to.deep.equal(range(messages[0]?.seq ?? 0, messages.at(-1)?.seq ?? 0));
      expect(seqs(messages)).to.include(around);
      expect(messages).to.have.length(9);
      expect(has_more).to.equal(true);
    }
    const { messages } = await ask({ around: 1, limit: 5 });
    expect(seqs(messages)).to.include(1);
  });

  it('refuses more than one of before, after and around, and limits that are none', async () => {
    for (const fields of [
      { before: 5, after: 5 },
      { before: 5, around: 5 },
      { after: 5, around: 5 },
      { limit: 0 },
      { limit: 201 },
      { before: 0 },
      { after: -1 },
      { around: 0 },
      { after: 2 ** 53 },
    ])
      await refused(bob.socket.refusal('history', { chat_id, ...fields }), 'invalid');
  });

  it('past a seq gives what was created or changed since, in the order of the changes', async () => {
    const mine = await newGroup(ann, bob);
    const chat = { chat_id: mine.id };
    await fill(ann, mine.id, 250);
    const held = 252;
    const react = (target: number) => bob.socket.request('reaction.set', { ...chat, target, emoji: '👍' });
    await ann.socket.request('message.edit', { ...chat, target: 10, text: say() });
    await react(200);
    await ann.socket.request('message.send', message(mine.id));
    await react(10);
    await ann.socket.request('message.delete', { ...chat, target: 251 });
    const since = (from: number, limit = 50) =>
      bob.socket.request('history', { ...chat, after: from, limit });
    const { messages, ...rest } = await since(held);
    expect(rest).to.deep.equal({ head: held + 5, has_more: false });
    expect(messages.map(({ seq, changed_seq }) => [seq, changed_seq])).to.deep.equal([
      [200, held + 2],
      [253 + 2, held + 3],
      [10, held + 4],
      [251, held + 5],
    ]);
    const all = await pages(
      (from = 0) => since(from, 60),
      ({ changed_seq }) => changed_seq,
    );
    const changed = all.map(({ changed_seq }) => changed_seq);
    expect(changed).to.deep.equal([...changed].sort((a, b) => a - b));
    expect(new Set(seqs(all)).size).to.equal(253);
    expect(await since(held + 5)).to.deep.equal({ messages: [], head: held + 5, has_more: false });
    expect(await since(held + 99)).to.deep.equal({ messages: [], head: held + 5, has_more: false });
  });

  it('is the same in every direction, and what the events said', async () => {
    const back = await pages(
      (before) => ask({ limit: 100, ...(before !== undefined && { before }) }),
      ({ seq }) => seq,
    );
    const forth = await pages(
      (after = 0) => ask({ limit: 100, after }),
      ({ changed_seq }) => changed_seq,
    );
    expect(forth).to.deep.equal(back.toReversed());
    const events = bob.socket.events('message.new', { chat_id });
    const heard = events.map(({ type: _, ...fields }) => fields);
    expect(heard).to.deep.equal(forth.slice(-heard.length));
  });

  it('ends a page at 256 KiB', async () => {
    const mine = await newGroup(ann, bob);
    const text = '🙂'.repeat(4096);
    await fill(ann, mine.id, 40, text);
    for (const from of [{ before: 43 }, { after: 0 }, { around: 20 }]) {
      const { messages, has_more } = await bob.socket.request('history', {
        chat_id: mine.id,
        limit: 200,
        ...from,
      });
      const bytes = Buffer.byteLength(JSON.stringify(messages));
      expect(bytes).to.be.within(200 * 1024, 256 * 1024);
      expect(has_more).to.equal(true);
    }
  });

  it('is whole for new members, and nothing for former ones', async () => {
    const [cem] = await newPeople('cem');
    await bob.socket.request('member.add', { chat_id, user_ids: [cem.id] });
    const { messages } = await cem.socket.request('history', { chat_id, before: 5 });
    expect(seqs(messages)).to.deep.equal([4, 3, 2, 1]);
    await cem.socket.request('chat.leave', { chat_id });
    await refused(cem.socket.refusal('history', { chat_id }), 'not_found', 'no_chat');
  });

  it('names receivers in private chats, also of what is out of memory', async () => {
    const pair = await newPrivate(ann, bob);
    await fill(bob, pair.id, 150);
    const { messages } = await ann.socket.request('history', { chat_id: pair.id, before: 4 });
    expect(messages.map(({ sender_id, receiver_id }) => [sender_id, receiver_id])).to.deep.equal([
      [bob.id, ann.id],
      [bob.id, ann.id],
      [ann.id, bob.id],
    ]);
  });
});
