import { expect } from 'chai';
import fc from 'fast-check';
import type { HotHistory, ReadHistory } from '../../../schemas/chat/commands.ts';
import type { ChatEvent } from '../../../schemas/chat/events.ts';
import { cutPage, itemBytes } from '../../../schemas/chat/pages.ts';
import type { Message } from '../../../schemas/chat/wire.ts';
import { limits } from '../../../schemas/limits.ts';
import { mergeHistory, type Stored } from '../../../services/chats/merge-history.ts';
import type { Part } from '../../../services/chats/messages.store.ts';
import { aGroup, text } from '../../support/chat-driver.ts';
import { live, messagesOf, type Step, script, users } from './scripts.ts';

interface Page {
  messages: Message[];
  head: number;
  has_more: boolean;
}

type Query = Omit<ReadHistory, 'type' | 'by'>;

/** What the page must be, for somebody who knows everything that was decided so far. */
function naive(events: readonly ChatEvent[], { before, after, around, limit }: Query): Page {
  const all = messagesOf(events);
  const head = events.length;
  if (after !== undefined) {
    const changed = all.filter((message) => message.changed_seq > after);
    changed.sort((a, b) => a.changed_seq - b.changed_seq);
    return { messages: changed.slice(0, limit), head, has_more: changed.length > limit };
  }
  const down = all.toReversed();
  if (around === undefined) {
    const below = down.filter(({ seq }) => seq < (before ?? head + 1));
    return { messages: below.slice(0, limit), head, has_more: below.length > limit };
  }
  const newer = Math.floor(limit / 2);
  const above = all.filter(({ seq }) => seq > around);
  const below = down.filter(({ seq }) => seq <= around);
  const messages = [...above.slice(0, newer).reverse(), ...below.slice(0, limit - newer)];
  return { messages, head, has_more: above.length > newer || below.length > limit - newer };
}

/** PostgreSQL as of some event, read as the service reads it: one more than the limit. */
function storedAt(events: readonly ChatEvent[]): Stored {
  const all = messagesOf(events);
  const pageOf = ({ range, limit }: Part) => {
    let found: Message[];
    if ('before' in range) found = all.filter(({ seq }) => seq < range.before).reverse();
    else if ('above' in range) found = all.filter(({ seq }) => seq > range.above);
    else
      found = all
        .filter(({ changed_seq }) => changed_seq > range.after)
        .filter((m) => !range.newer.some((n) => n.seq === m.seq && n.changed_seq >= m.changed_seq))
        .sort((a, b) => a.changed_seq - b.changed_seq);
    return found.slice(0, limit + 1);
  };
  return async (...parts) => ({ head: events.length, pages: parts.map(pageOf) });
}

const query: fc.Arbitrary<Query> = fc
  .tuple(
    fc.oneof(
      fc.constant({}),
      fc.record({ before: fc.integer({ min: 1, max: 70 }) }),
      fc.record({ after: fc.integer({ min: 0, max: 70 }) }),
      fc.record({ around: fc.integer({ min: 1, max: 70 }) }),
    ),
    fc.constantFrom(1, 2, 3, 7, 50),
  )
  .map(([from, limit]) => ({ ...from, limit }));

describe('history', () => {
  it('a page that memory calls complete is the whole truth', async () => {
    let complete = 0;
    await fc.assert(
      fc.asyncProperty(
        script,
        fc.constantFrom(1, 4, 100),
        fc.array(query, { minLength: 5 }),
        async (steps, tail, queries) => {
          const { chat } = await live(steps, tail);
          const [reader] = chat.state.members.keys();
          if (reader === undefined) return;
          for (const asked of queries) {
            const { reply } = await chat.ask(reader, { type: 'history', ...asked });
            const hot = reply as unknown as HotHistory;
            if (!hot.complete) continue;
            complete++;
            const { messages, head, has_more } = hot;
            expect({ messages, head, has_more }).to.deep.equal(naive(chat.log, asked));
          }
        },
      ),
      { numRuns: 400 },
    );
    expect(complete).to.be.greaterThan(100);
  });

  it('memory and PostgreSQL together give the whole page, wherever a flush falls between the two reads', async () => {
    let merged = 0;
    await fc.assert(
      fc.asyncProperty(
        script,
        script,
        fc.constantFrom(1, 4),
        fc.array(fc.tuple(query, fc.nat()), { minLength: 5 }),
        async (steps, more, tail, queries) => {
          const { chat } = await live(steps, tail);
          const [reader] = chat.state.members.keys();
          if (reader === undefined) return;
          const asked = await Promise.all(
            queries.map(async ([each, moment]) => {
              const { reply } = await chat.ask(reader, { type: 'history', ...each });
              return { each, moment, hot: reply as unknown as HotHistory };
            }),
          );
          const [then, flushed] = [chat.log.length, chat.log.length - chat.unflushed.length];
          for (const { each, moment, hot } of asked) {
            if (hot.complete) continue;
            merged++;
            // PostgreSQL at any moment from what was flushed at the read of memory on.
            const at = flushed + (moment % (then - flushed + 1));
            const command: ReadHistory = { type: 'history', by: reader, ...each };
            const page = await mergeHistory(command, hot, storedAt(chat.log.slice(0, at)));
            expect(page).to.deep.equal(naive(chat.log.slice(0, then), each));
          }
          // And when more has happened and was flushed before PostgreSQL is read: of `after` no page has a hole.
          for (const step of more)
            if (step.step === 'ask') await chat.ask(users[step.by] as string, step.asked);
          for (const { each, hot } of asked) {
            if (hot.complete || each.after === undefined) continue;
            const command: ReadHistory = { type: 'history', by: reader, ...each };
            const page = await mergeHistory(command, hot, storedAt(chat.log));
            expectNoHole(chat.log, each.after, page);
          }
        },
      ),
      { numRuns: 400 },
    );
    expect(merged).to.be.greaterThan(100);
  });

  it('a page of one around a seq says that there is more above, where only memory holds that', async () => {
    const said = (words: string): Step => ({ step: 'ask', by: 0, asked: text(words) });
    const { chat } = await live([{ step: 'flush', count: 1 }, said('a'), said('b')], 1);
    const [by = ''] = chat.state.members.keys();
    const query = { around: 1, limit: 1 };
    const hot = (await chat.ask(by, { type: 'history', ...query })).reply as unknown as HotHistory;
    const page = await mergeHistory({ type: 'history', by, ...query }, hot, storedAt(chat.log.slice(0, 1)));
    expect(page).to.deep.equal(naive(chat.log, query));
    expect(page.has_more).to.equal(true);
  });

  it('pages after a seq lead to the head, with every change on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        script,
        fc.constantFrom(1, 4),
        fc.integer({ min: 1, max: 5 }),
        async (steps, tail, limit) => {
          const { chat } = await live(steps, tail);
          const [reader] = chat.state.members.keys();
          if (reader === undefined) return;
          const held = new Map<number, Message>();
          for (let after = 0; ; ) {
            const asked = { after, limit };
            const hot = (await chat.ask(reader, { type: 'history', ...asked }))
              .reply as unknown as HotHistory;
            const stored = storedAt(chat.log.slice(0, chat.log.length - chat.unflushed.length));
            const command: ReadHistory = { type: 'history', by: reader, ...asked };
            const page = hot.complete ? hot : await mergeHistory(command, hot, stored);
            for (const message of page.messages) held.set(message.seq, message);
            expect(page.head).to.equal(chat.log.length);
            if (!page.has_more) break;
            expect(page.messages.at(-1)?.changed_seq).to.be.greaterThan(after);
            after = page.messages.at(-1)?.changed_seq as number;
          }
          expect([...held.values()].sort((a, b) => a.seq - b.seq)).to.deep.equal(messagesOf(chat.log));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a page is not cut short by rows that memory has newer', async () => {
    const { chat, member } = await aGroup(4);
    for (let i = 0; i < 20; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    for (const target of [6, 7]) await chat.ask(member, { type: 'message.edit', target, text: 'new' });
    const stored = storedAt(chat.log.slice(0, -2));
    for (const from of [{ after: 5 }, { around: 6 }, { before: 9 }]) {
      const command: ReadHistory = { type: 'history', by: member, ...from, limit: 2 };
      const hot = (await chat.ask(member, command)).reply as unknown as HotHistory;
      expect(hot.complete).to.equal(false);
      expect(await mergeHistory(command, hot, stored)).to.deep.equal(naive(chat.log, command));
    }
  });

  it('changes of old messages above the one that is asked around are in the page before they are flushed', async () => {
    const { chat, member } = await aGroup(4);
    for (let i = 0; i < 20; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    await chat.ask(member, { type: 'message.edit', target: 8, text: 'new' });
    const command: ReadHistory = { type: 'history', by: member, around: 6, limit: 6 };
    const hot = (await chat.ask(member, command)).reply as unknown as HotHistory;
    const page = await mergeHistory(command, hot, storedAt(chat.log.slice(0, -1)));
    expect(page).to.deep.equal(naive(chat.log, command));
  });

  it('a page ends at 256 KiB, and says that there is more', async () => {
    const { chat, member } = await aGroup();
    const long = '🙂'.repeat(limits.messageText);
    for (let i = 0; i < 40; i++) await chat.ask(member, text(long));
    for (const from of [{}, { after: 0 }, { around: 20 }]) {
      const { reply } = await chat.ask(member, { type: 'history', ...from, limit: 200 });
      const page = reply as unknown as HotHistory;
      const bytes = page.messages.reduce((sum, message) => sum + itemBytes(message), 0);
      expect(bytes).to.be.at.most(limits.page);
      expect(bytes).to.be.greaterThan(limits.page * 0.8);
      expect(page.complete && page.has_more).to.equal(true);
    }
  });

  it('a page ends where the next message would pass its bytes, whatever the messages are made of', async () => {
    const { chat, member } = await aGroup();
    await chat.ask(member, text('salom'));
    const sent = messagesOf(chat.log).at(-1) as Message;
    const note = { action: 'updated' as const, title: 'a'.repeat(50) };
    const someMessage: fc.Arbitrary<Partial<Message>> = fc.record({
      text: fc.string({
        unit: fc.constantFrom('a', 'ў', '🙂', '"', '\u0001', '\ud800'),
        maxLength: 300,
        size: 'max',
      }),
      service: fc.constantFrom(null, note),
      reactions: fc.constantFrom([], [{ emoji: '👍', count: 1, user_ids: [member] }]),
      seq: fc.constantFrom(1, Number.MAX_SAFE_INTEGER),
    });
    fc.assert(
      fc.property(
        fc.array(someMessage, { maxLength: 12 }),
        fc.nat(13),
        fc.nat(11),
        fc.integer({ min: -2, max: 2 }),
        (parts, limit, at, near) => {
          const messages = parts.map((part) => ({ ...sent, ...part }));
          const sums = messages.map((_, at) =>
            messages.slice(0, at + 1).reduce((sum, message) => sum + itemBytes(message), 0),
          );
          const bytes = (sums[at] ?? 0) + near;
          const fitting = sums.filter((sum) => sum <= bytes).length;
          const count = Math.min(limit, messages.length, Math.max(1, fitting));
          expect(cutPage(messages, limit, bytes)).to.deep.equal(messages.slice(0, count));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('what memory had to cut is not filled up from behind it', async () => {
    const { chat, member } = await aGroup(4);
    const long = '🙂'.repeat(limits.messageText);
    for (let i = 0; i < 10; i++) await chat.ask(member, text('short'));
    await chat.flush();
    for (let i = 0; i < 30; i++) await chat.ask(member, text(long));
    await chat.ask(member, { type: 'message.edit', target: 8, text: long });
    const stored = storedAt(chat.log.slice(0, chat.log.length - chat.unflushed.length));
    for (const from of [{}, { after: 7 }, { around: 12 }]) {
      const command: ReadHistory = { type: 'history', by: member, ...from, limit: 200 };
      const hot = (await chat.ask(member, command)).reply as unknown as HotHistory;
      const page = await mergeHistory(command, { ...hot, complete: false }, stored);
      const whole = naive(chat.log, command);
      const ids = new Set(page.messages.map(({ seq }) => seq));
      const first = whole.messages.findIndex(({ seq }) => ids.has(seq));
      expect(page.messages).to.deep.equal(whole.messages.slice(first, first + page.messages.length));
      expect(page.has_more).to.equal(true);
    }
  });
});

/** Every change up to the page's end (the head, if there is no more) is in the page, or was superseded later. */
function expectNoHole(events: readonly ChatEvent[], after: number, page: Page): void {
  const end = page.has_more ? (page.messages.at(-1)?.changed_seq ?? after) : page.head;
  const given = new Map(page.messages.map((message) => [message.seq, message]));
  expect(given.size).to.equal(page.messages.length);
  for (const message of messagesOf(events)) {
    if (message.changed_seq <= after || message.changed_seq > end) continue;
    expect(given.get(message.seq)).to.deep.equal(message);
  }
  const order = page.messages.map(({ changed_seq }) => changed_seq);
  expect(order).to.deep.equal(order.toSorted((a, b) => a - b));
}
