import { expect } from 'chai';
import fc from 'fast-check';

import { emptyState, evolve } from '../../../actors/chat/state.ts';
import { createMemoryChatStore } from '../../support/memory-chat-store.ts';
import { live, messagesOf, script, users } from './scripts.ts';

const tails = fc.constantFrom(1, 4, 100);

describe('chat rules, over random lives', () => {
  it('seqs are 1, 2, 3 … without a gap, and ordinals count messages', async () => {
    await fc.assert(
      fc.asyncProperty(script, tails, async (steps, tail) => {
        const { chat } = await live(steps, tail);
        chat.log.forEach(({ message }, index) => {
          expect(message.changed_seq).to.equal(index + 1);
        });
        const posted = messagesOf(chat.log).filter(({ kind }) => kind !== 'service');
        expect(chat.state.ordinal).to.equal(posted.length);
        expect(chat.state.head).to.equal(chat.log.length);
      }),
      { numRuns: 150 },
    );
  });

  it('times never go back', async () => {
    await fc.assert(
      fc.asyncProperty(script, tails, async (steps, tail) => {
        const { chat } = await live(steps, tail);
        const times = messagesOf(chat.log).map(({ created_at }) => created_at);
        expect(times).to.deep.equal(times.toSorted());
      }),
      { numRuns: 50 },
    );
  });

  it('one client_id of one sender is one message', async () => {
    await fc.assert(
      fc.asyncProperty(script, tails, async (steps, tail) => {
        const { chat } = await live(steps, tail);
        const keys = messagesOf(chat.log).flatMap(({ sender_id, client_id }) =>
          client_id === null ? [] : [`${sender_id} ${client_id}`],
        );
        expect(new Set(keys).size).to.equal(keys.length);
      }),
      { numRuns: 150 },
    );
  });

  it('events replayed from nothing give the state that lived', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const noReads = steps.filter(({ step }) => step !== 'flush' && step !== 'reload');
        const { chat } = await live(
          noReads.filter((step) => step.step !== 'ask' || step.asked.type !== 'read'),
          100,
        );
        const replayed = JSON.parse(JSON.stringify(chat.log)).reduce(evolve, emptyState(chat.id));
        expect(replayed).to.deep.equal({ ...chat.state, fetched: undefined });
      }),
      { numRuns: 100 },
    );
  });

  it('a chat that was flushed and loaded again is the chat that lived', async () => {
    await fc.assert(
      fc.asyncProperty(script, tails, async (steps, tail) => {
        const { chat } = await live(steps, tail);
        await chat.flush();
        const lived = chat.state;
        await chat.load();
        const { facts, head, ordinal, member_seq, members, former } = chat.state;
        expect({ facts, head, ordinal, member_seq }).to.deep.equal({
          facts: lived.facts,
          head: lived.head,
          ordinal: lived.ordinal,
          member_seq: lived.member_seq,
        });
        expect([...members]).to.deep.equal([...lived.members]);
        expect(Object.fromEntries(former)).to.deep.equal(Object.fromEntries(lived.former));
        const newest = lived.tail.recent.slice(-tail).map(({ message, ordinal: at }) => ({ message, at }));
        const loaded = chat.state.tail.recent.map(({ message, ordinal: at }) => ({ message, at }));
        expect(loaded.slice(-newest.length)).to.deep.equal(newest);
      }),
      { numRuns: 100 },
    );
  });

  it('writing events again that were flushed changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.nat(), fc.nat(), async (steps, one, other) => {
        const { chat, tables } = await live(steps, 4);
        await chat.flush();
        const before = structuredClone(tables.chats);
        const [from, to] = [one % chat.log.length, other % chat.log.length].sort((a, b) => a - b);
        await chat.project(chat.log.slice(from, to));
        expect(tables.chats).to.deep.equal(before);
      }),
      { numRuns: 50 },
    );
  });

  it('batches of any size leave the same rows', async () => {
    await fc.assert(
      fc.asyncProperty(
        script,
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 }),
        async (steps, sizes) => {
          const { chat, tables } = await live(
            steps.filter(({ step }) => step !== 'flush' && step !== 'reload'),
            100,
          );
          for (const size of sizes) await chat.flush(size);
          await chat.flush();
          const stored = await createMemoryChatStore(tables).load(chat.id, 1000);
          expect(stored.tail.recent.map(({ message }) => message)).to.deep.equal(messagesOf(chat.log));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('a group that has members has exactly one owner, who is in it', async () => {
    await fc.assert(
      fc.asyncProperty(script, tails, async (steps, tail) => {
        await live(steps, tail, ({ state: { members } }) => {
          const owners = [...members.values()].filter(({ role }) => role === 'owner');
          expect(owners.length).to.equal(members.size === 0 ? 0 : 1);
        });
      }),
      { numRuns: 100 },
    );
  });

  it("unread counts others' messages after one's mark", async () => {
    await fc.assert(
      fc.asyncProperty(script, tails, async (steps, tail) => {
        const { chat } = await live(steps, tail);
        for (const by of users) {
          const { reply } = await chat.ask(by, { type: 'chat.entry' });
          if (!reply?.member) continue;
          const after = messagesOf(chat.log).filter(
            ({ seq, kind, sender_id }) =>
              seq > (reply.read as number) && kind !== 'service' && sender_id !== by,
          );
          expect(reply.unread).to.equal(after.length);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('what is in memory stays small once it is flushed', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const { chat } = await live(steps, 4);
        await chat.flush();
        expect(chat.state.tail.recent.length).to.be.at.most(5);
        expect(chat.state.tail.older.size).to.equal(0);
        expect(chat.kind.idle(chat.state)).to.equal(true);
      }),
      { numRuns: 50 },
    );
  });
});
