import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Message } from '../../../../schemas/chat/wire.ts';
import { newId, uuidV7Maker } from '../../../../schemas/ids.ts';
import { hearNothing, refused } from '../support/expected.ts';
import { useProduct } from '../support/program.ts';
import { freshName, say } from '../support/secrets.ts';
import { newGroup, newPeople, newPrivate, type Person } from '../support/users.ts';
import { message } from './cases.ts';

const v7At = (time: number) => uuidV7Maker(() => time)();

describe('one client_id is one message', () => {
  useProduct();

  async function sendBothWays(ann: Person, chat_id: string, client_id: string) {
    const send = (id: string) => ann.socket.request('message.send', { ...message(chat_id), client_id: id });
    const post = async (id: string) => {
      const path = `/api/v1/chats/${chat_id}/messages`;
      const { status, body } = await ann.rest<Message>('POST', path, { client_id: id, text: say() });
      expect(status).to.equal(201);
      return { chat_id, seq: body.seq, created_at: body.created_at };
    };
    return { send, post, first: await send(client_id) };
  }

  for (const [what, make] of [
    ['of version 7', newId],
    ['of version 4', randomUUID],
    ['of version 1', () => 'c232ab00-9414-11ec-b3c8-9f6bdeced846'],
    ['of version 7 of last year', () => v7At(Date.now() - 365 * 86_400_000)],
    ['of version 7 of tomorrow', () => v7At(Date.now() + 86_400_000)],
    ['that is nil', () => '00000000-0000-0000-0000-000000000000'],
  ] as const)
    it(`where it is a UUID ${what}, over socket and REST, in any case of letters, and at once`, async () => {
      const [ann, bob] = await newPeople('ann', 'bob');
      const { id: chat_id } = await newGroup(ann, bob);
      const client_id = make();
      const { send, post, first } = await sendBothWays(ann, chat_id, client_id);
      await bob.socket.event('message.new', { chat_id, seq: first.seq });
      await ann.socket.request('message.send', message(chat_id));
      await bob.socket.event('message.new', { chat_id, seq: first.seq + 1 });
      await hearNothing([bob], async () => {
        const upper = client_id.toUpperCase();
        const again = await Promise.all([send(client_id), send(upper), post(client_id), post(upper)]);
        for (const one of again) expect(one).to.deep.equal(first);
      });
      const { messages } = await bob.socket.request('history', { chat_id, limit: 2 });
      expect(messages[1]?.client_id).to.equal(client_id);
    });

  it('also when both ways of it come at the same moment', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newPrivate(ann, bob);
    for (let round = 0; round < 10; round++) {
      const fields = { ...message(chat_id), client_id: round % 2 === 0 ? newId() : randomUUID() };
      const post = ann.rest<Message>('POST', `/api/v1/chats/${chat_id}/messages`, {
        client_id: fields.client_id,
        text: fields.text,
      });
      const sends = [1, 2, 3].map(() => ann.socket.request('message.send', fields));
      const seqs = [...(await Promise.all(sends)).map(({ seq }) => seq), (await post).body.seq];
      expect(new Set(seqs).size).to.equal(1);
    }
    const { head } = await bob.socket.request('history', { chat_id });
    expect(head).to.equal(11);
  });

  it('per sender and chat: others may use the same one', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const [one, other] = [await newGroup(ann, bob), await newGroup(ann, bob)];
    const client_id = newId();
    const send = (who: Person, chat_id: string) =>
      who.socket.request('message.send', { ...message(chat_id), client_id });
    const sent = [await send(ann, one.id), await send(bob, one.id), await send(ann, other.id)];
    expect(sent.map(({ chat_id, seq }) => [chat_id, seq])).to.deep.equal([
      [one.id, 3],
      [one.id, 4],
      [other.id, 3],
    ]);
  });

  it('before every refusal: the repeat is answered although the sender may not send any more', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const fields = message(chat_id);
    const first = await bob.socket.request('message.send', fields);
    await ann.socket.request('member.remove', { chat_id, user_id: bob.id });
    expect(await bob.socket.request('message.send', fields)).to.deep.equal(first);
    const fresh = bob.socket.refusal('message.send', message(chat_id));
    await refused(fresh, 'not_found', 'no_chat');
  });

  it('over leaving and coming back, for ids of any version', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    await ann.socket.request('chat.update', { chat_id, username: freshName() });
    const sent = [newId(), randomUUID(), newId()].map((client_id) => ({ ...message(chat_id), client_id }));
    const firsts = [];
    for (const fields of sent) firsts.push(await bob.socket.request('message.send', fields));
    await bob.socket.request('chat.leave', { chat_id });
    await bob.socket.request('chat.join', { chat_id });
    for (const [at, fields] of sent.entries())
      expect(await bob.socket.request('message.send', fields)).to.deep.equal(firsts[at]);
    const { seq } = await bob.socket.request('message.send', message(chat_id));
    expect(seq).to.equal((firsts[2]?.seq ?? 0) + 3);
  });

  it('for the life of the chat: also when it lies far below what is in memory', async function () {
    this.timeout(60_000);
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const old = [newId(), randomUUID()].map((client_id) => ({ ...message(chat_id), client_id }));
    const firsts = [];
    for (const fields of old) firsts.push(await ann.socket.request('message.send', fields));
    for (let sent = 0; sent < 300; sent += 50)
      await Promise.all(
        Array.from({ length: 50 }, () => ann.socket.request('message.send', message(chat_id))),
      );
    for (const [at, fields] of old.entries())
      expect(await ann.socket.request('message.send', fields)).to.deep.equal(firsts[at]);
    const { head } = await bob.socket.request('history', { chat_id, limit: 1 });
    expect(head).to.equal(304);
  });
});
