import { expect } from 'chai';
import { newId } from '../../../../schemas/ids.ts';
import { everybodyHears, hearNothing, refused, textMessage } from '../support/expected.ts';
import { useProduct } from '../support/program.ts';
import { say } from '../support/secrets.ts';
import { newGroup, newPeople, newPrivate, type Person } from '../support/users.ts';
import { message } from './cases.ts';

describe('message.send', () => {
  useProduct();

  it('reaches every device of every member, the sender too, and no stranger', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const { id: chat_id } = await newGroup(ann, bob);
    const phone: Person = { ...ann, socket: await (await ann.again()).open() };
    await hearNothing([eve], async () => {
      const { client_id, text, ...rest } = message(chat_id);
      const sent = await ann.socket.request('message.send', { ...rest, client_id, text, reply_to: 1 });
      expect(sent).to.deep.equal({ chat_id, seq: 3, created_at: sent.created_at });
      expect(Date.parse(sent.created_at)).to.be.closeTo(Date.now(), 60_000);
      const heard = await everybodyHears([ann, phone, bob], 'message.new', { chat_id, seq: 3 });
      expect(heard).to.deep.equal(textMessage({ ...sent, sender_id: ann.id, client_id, text, reply_to: 1 }));
    });
  });

  it('in a private chat names its receiver', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newPrivate(ann, bob);
    const { client_id, text, ...rest } = message(chat_id);
    const sent = await bob.socket.request('message.send', { ...rest, client_id, text, reply_to: null });
    const heard = await everybodyHears([ann, bob], 'message.new', { chat_id, seq: sent.seq });
    const by = { sender_id: bob.id, receiver_id: ann.id };
    expect(heard).to.deep.equal(textMessage({ ...sent, ...by, client_id, text }));
  });

  it('to a user opens the private chat, once, and keeps the order of what was sent', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    await hearNothing([eve], async () => {
      const send = (user_id: string) => {
        const { chat_id: _, ...rest } = message('');
        return ann.socket.request('message.send', { ...rest, user_id });
      };
      const sent = await Promise.all([send(bob.id), send(bob.id.toUpperCase()), send(bob.id)]);
      expect(sent.map(({ seq }) => seq)).to.deep.equal([2, 3, 4]);
      const [chat_id, ...others] = new Set(sent.map((one) => one.chat_id));
      expect(others).to.deep.equal([]);
      const { chat } = await bob.socket.event('chat.new');
      expect(chat).to.deep.include({ id: chat_id, type: 'private', peer: ann.short });
      const seqs = () => bob.socket.events('message.new').map(({ seq }) => seq);
      await bob.socket.until('four messages', () => seqs().length === 4);
      expect(seqs()).to.deep.equal([1, 2, 3, 4]);
    });
  });

  it('is refused for both or neither of chat and user, to oneself, to nobody, for other kinds', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newPrivate(ann, bob);
    const { chat_id: _, ...rest } = message(chat_id);
    const send = (fields: object) => ann.socket.refusal('message.send', { ...rest, ...fields });
    await refused(send({}), 'invalid');
    await refused(send({ chat_id, user_id: bob.id }), 'invalid');
    await refused(send({ user_id: ann.id }), 'unprocessable', 'oneself');
    await refused(send({ user_id: newId() }), 'not_found', 'no_user');
    await refused(send({ chat_id, reply_to: 99 }), 'unprocessable', 'reply_not_found');
    for (const kind of ['voice', 'media', 'service', '']) await refused(send({ chat_id, kind }), 'invalid');
  });

  it('takes 4,096 code points and not one more', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const text = '🙂'.repeat(4096);
    const sent = await ann.socket.request('message.send', { ...message(chat_id), text });
    expect((await bob.socket.event('message.new', { chat_id, seq: sent.seq })).text).to.equal(text);
    const longer = { ...message(chat_id), text: `${text}x` };
    await refused(ann.socket.refusal('message.send', longer), 'invalid');
    await refused(ann.socket.refusal('message.send', { ...longer, text: '' }), 'invalid');
  });

  it('keeps each text as it is: no markup, no trimming, no normal form', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    for (const text of [
      ' \t\n ',
      '<b>&amp;</b>',
      'e\u0301 é',
      '\u202Eright',
      "'; drop table users; --",
      '\\u0041',
    ]) {
      const { seq } = await ann.socket.request('message.send', { ...message(chat_id), text });
      expect((await bob.socket.event('message.new', { chat_id, seq })).text).to.equal(text);
      const { messages } = await bob.socket.request('history', { chat_id, limit: 1 });
      expect(messages[0]?.text).to.equal(text);
    }
  });

  it('takes effect in the order sent, with whatever else is asked of the chat, without waiting', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const { socket } = ann;
    const rounds = Array.from({ length: 10 }, (_, round) => {
      const target = 3 + round * 3;
      return Promise.all([
        socket.request('message.send', message(chat_id)),
        socket.request('message.edit', { chat_id, target, text: say('edited') }),
        socket.request('chat.update', { chat_id, title: say('title') }),
        socket.request('history', { chat_id, limit: 1 }),
        socket.request('chat.get', { chat_id }),
      ]);
    });
    for (const [round, replies] of (await Promise.all(rounds)).entries()) {
      const [sent, edited, updated, history, { chat }] = replies;
      const head = 5 + round * 3;
      expect([sent.seq, edited.seq, updated.seq]).to.deep.equal([head - 2, head - 1, head]);
      expect([history.head, chat.head]).to.deep.equal([head, head]);
    }
  });

  it('gives seqs without gaps and times that never go back, whoever sends at once', async () => {
    const people = await newPeople('ann', 'bob', 'cem');
    const [ann, bob, cem] = people;
    const { id: chat_id } = await newGroup(ann, bob, cem);
    const sends = people.flatMap(({ socket }) =>
      Array.from({ length: 20 }, () => socket.request('message.send', message(chat_id))),
    );
    const seqs = (await Promise.all(sends)).map(({ seq }) => seq).sort((a, b) => a - b);
    expect(seqs).to.deep.equal(Array.from({ length: 60 }, (_, at) => at + 4));
    for (const { socket } of people) {
      await socket.event('message.new', { chat_id, seq: 63 });
      const heard = socket.events('message.new', { chat_id }).filter(({ seq }) => seq > 3);
      expect(heard.map(({ seq }) => seq)).to.deep.equal(seqs);
      const times = heard.map(({ created_at }) => created_at);
      expect(times).to.deep.equal([...times].sort());
    }
  });
});

describe('message.edit', () => {
  useProduct();

  it('is told to everybody as the message after it, under the next seq', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const { id: chat_id } = await newGroup(ann, bob);
    const { client_id, ...first } = message(chat_id);
    const sent = await ann.socket.request('message.send', { ...first, client_id });
    const text = say('edited');
    const edit = { chat_id, target: sent.seq, text };
    expect(await ann.socket.request('message.edit', edit)).to.deep.equal({ seq: sent.seq + 1 });
    const told = await everybodyHears([ann, bob], 'message.changed', { chat_id });
    const { edited_at } = told;
    expect(Date.parse(edited_at ?? '')).to.be.at.least(Date.parse(sent.created_at));
    const changes = { edited_at, changed_seq: sent.seq + 1 };
    expect(told).to.deep.equal(textMessage({ ...sent, sender_id: ann.id, client_id, text, ...changes }));
    await hearNothing([ann, bob, eve], async () => {
      expect(await ann.socket.request('message.edit', edit)).to.deep.equal({ seq: sent.seq + 1 });
    });
  });

  it('is for the author alone, and for texts that are there', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const { seq: target } = await bob.socket.request('message.send', message(chat_id));
    const edit = (who: Person, fields: object) =>
      who.socket.refusal('message.edit', { chat_id, target, text: say(), ...fields });
    await refused(edit(ann, {}), 'forbidden', 'not_author');
    await refused(edit(ann, { target: 1 }), 'forbidden', 'service_message');
    await refused(edit(bob, { target: 99 }), 'not_found', 'no_message');
    await refused(edit(bob, { text: 'x'.repeat(4097) }), 'invalid');
    await bob.socket.request('message.delete', { chat_id, target });
    await refused(edit(bob, {}), 'gone', 'already_deleted');
  });
});

describe('message.delete', () => {
  useProduct();

  it('empties the message, which keeps its place', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const { client_id, ...first } = message(chat_id);
    const sent = await bob.socket.request('message.send', { ...first, client_id });
    await ann.socket.request('reaction.set', { chat_id, target: sent.seq, emoji: '👍' });
    const { seq } = await bob.socket.request('message.delete', { chat_id, target: sent.seq });
    const told = await everybodyHears([ann, bob], 'message.changed', { chat_id, changed_seq: seq });
    const { deleted_at } = told;
    expect(Date.parse(deleted_at ?? '')).to.be.at.least(Date.parse(sent.created_at));
    const changes = { deleted_at, changed_seq: seq };
    expect(told).to.deep.equal(textMessage({ ...sent, sender_id: bob.id, client_id, ...changes }));
    const { messages } = await ann.socket.request('history', { chat_id, around: sent.seq, limit: 1 });
    expect(messages).to.deep.equal([told]);
  });

  it('is for the author and for admins; in private chats for the author', async () => {
    const [ann, bob, cem] = await newPeople('ann', 'bob', 'cem');
    const { id: chat_id } = await newGroup(ann, bob, cem);
    const sent = [bob, bob, ann].map(({ socket }) => socket.request('message.send', message(chat_id)));
    const [one, two, owners] = await Promise.all(sent);
    const remove = (who: Person, target = 0) => who.socket.refusal('message.delete', { chat_id, target });
    await refused(remove(cem, one?.seq), 'forbidden', 'not_author');
    await refused(remove(bob, owners?.seq), 'forbidden', 'not_author');
    await refused(remove(ann, 1), 'forbidden', 'service_message');
    await refused(remove(ann, 99), 'not_found', 'no_message');
    await ann.socket.request('message.delete', { chat_id, target: one?.seq ?? 0 });
    await refused(remove(bob, one?.seq), 'gone', 'already_deleted');
    await ann.socket.request('member.role', { chat_id, user_id: cem.id, role: 'admin' });
    await cem.socket.request('message.delete', { chat_id, target: two?.seq ?? 0 });

    const pair = await newPrivate(ann, bob);
    const { seq: target } = await ann.socket.request('message.send', message(pair.id));
    const other = { chat_id: pair.id, target };
    await refused(bob.socket.refusal('message.delete', other), 'forbidden', 'not_author');
    await ann.socket.request('message.delete', other);
  });
});

describe('reaction.set', () => {
  useProduct();

  it('sets, replaces and takes back one per user, told to everybody', async () => {
    const [ann, bob, eve] = await newPeople('ann', 'bob', 'eve');
    const { id: chat_id } = await newGroup(ann, bob);
    const { seq: target } = await ann.socket.request('message.send', message(chat_id));
    const react = async (who: Person, emoji: string | null) => {
      const { seq } = await who.socket.request('reaction.set', { chat_id, target, emoji });
      const where = { chat_id, changed_seq: seq };
      const { reactions, edited_at } = await everybodyHears([ann, bob], 'message.changed', where);
      expect(edited_at).to.equal(null);
      return reactions;
    };
    const [a, b] = [ann.id, bob.id];
    expect(await react(ann, '👍')).to.deep.equal([{ emoji: '👍', count: 1, user_ids: [a] }]);
    expect(await react(bob, '👍')).to.deep.equal([{ emoji: '👍', count: 2, user_ids: [a, b] }]);
    expect(await react(ann, '👨‍👩‍👧')).to.deep.equal([
      { emoji: '👍', count: 1, user_ids: [b] },
      { emoji: '👨‍👩‍👧', count: 1, user_ids: [a] },
    ]);
    const { seq } = await bob.socket.request('reaction.set', { chat_id, target, emoji: null });
    await hearNothing([ann, eve], async () => {
      await bob.socket.request('reaction.set', { chat_id, target, emoji: null });
      const same = await ann.socket.request('reaction.set', { chat_id, target, emoji: '👨‍👩‍👧' });
      expect(same).to.deep.equal({ seq });
    });
  });

  it('names the first ten of each emoji, and counts all', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `fan${n}`);
    const [ann, ...fans] = await newPeople('ann', ...names);
    const { id: chat_id } = await newGroup(ann, ...fans);
    const { seq: target } = await ann.socket.request('message.send', message(chat_id));
    for (const { socket } of fans) await socket.request('reaction.set', { chat_id, target, emoji: '🎉' });
    const { messages } = await ann.socket.request('history', { chat_id, limit: 1 });
    const user_ids = fans.slice(0, 10).map(({ id }) => id);
    expect(messages[0]?.reactions).to.deep.equal([{ emoji: '🎉', count: 12, user_ids }]);
  });

  it('is refused on what is no message of people, or was deleted', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const { seq } = await ann.socket.request('message.send', message(chat_id));
    const react = (target: number) => bob.socket.refusal('reaction.set', { chat_id, target, emoji: '👍' });
    await refused(react(1), 'forbidden', 'service_message');
    await refused(react(99), 'not_found', 'no_message');
    await ann.socket.request('message.delete', { chat_id, target: seq });
    await refused(react(seq), 'gone', 'already_deleted');
  });
});
