import { expect } from 'chai';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { until } from '../../support/until.ts';
import { connectReady, heard, texts } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';
import { serveChats, TestChat } from './test-chat.ts';

describe('gateway: changes of membership that cross', () => {
  let group: TestChat;
  let test: GatewayTest;
  /** Asks about memberships that a test lets wait. */
  let held: (() => void)[];
  let holding: boolean;

  beforeEach(async () => {
    group = new TestChat();
    held = [];
    holding = false;
    test = await startGateway();
    serveChats(test, [group]);
    const { answer } = test.actors;
    test.actors.answer = async (kind, id, commands) => {
      const results = (await answer(kind, id, commands)) ?? commands.map(() => ({ reply: {} }));
      if (kind === 'chat' && holding) await new Promise<void>((letGo) => held.push(letGo));
      return results;
    };
  });
  afterEach(() => test.stop());

  const publish = (text: string, seq: number, more?: Partial<Envelope['chat']>) =>
    test.bus.publish(subjects.chat(group.id), group.message(text, seq, more));
  const announce = (user: string, member_seq: number) =>
    test.bus.publish(subjects.user(user), {
      frame: JSON.stringify({ type: 'chat.new', text: 'new' }),
      attach: group.id,
      chat: { id: group.id, member_seq },
    });

  it('tell a client to fetch when its new chat could not be attached at once', async () => {
    const { client: stays } = await group.member(test);
    const user = newId();
    const client = await connectReady(test, user);
    // He joins at 4, somebody else at 5; `chat.new` comes late, as it waits for the flush.
    group.members.add(user);
    group.memberSeq = 5;
    publish('joined', 4, { member_seq: 4 });
    publish('joined, too', 5);
    await heard(stays, 'joined, too');
    holding = true;
    announce(user, 4);
    await until('the ask', () => held.length === 1);
    publish('missed', 6);
    await heard(stays, 'missed');
    held.shift()?.();
    expect(await client.event('resync')).to.include({ chat_id: group.id });
    publish('next', 7);
    await heard(client, 'next');
    expect(texts(client)).to.deep.equal(['new', 'next']);
  });

  it('do not keep a user attached who came and went while others were asked about', async () => {
    const { client: stays } = await group.member(test);
    const user = newId();
    const client = await connectReady(test, user);
    holding = true;
    // A change at 5 was missed: who is a member?
    group.memberSeq = 5;
    publish('six', 6);
    await until('the first ask', () => held.length === 1);
    // Meanwhile he joins at 7, is asked about, and is removed at 8; at 9 somebody else joins.
    group.members.add(user);
    group.memberSeq = 7;
    announce(user, 7);
    await until('the second ask', () => held.length === 2);
    held.pop()?.();
    group.members.delete(user);
    group.memberSeq = 9;
    publish('removed', 8, { member_seq: 8, removed: [user] });
    publish('nine', 9);
    holding = false;
    held.shift()?.();
    await heard(stays, 'nine');
    publish('secret', 10);
    await heard(stays, 'secret');
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal(['new']);
  });

  it('do not attach a user who is removed while his connection is being attached', async () => {
    const user = newId();
    group.members.add(user);
    let answer = () => {};
    test.services['chats.attach'] = () =>
      new Promise((resolve) => {
        answer = () => resolve({ chats: [{ id: group.id, member_seq: 3 }] });
      });
    const connecting = connectReady(test, user);
    await until('the look-up', () => test.called.some(({ action }) => action === 'chats.attach'));
    group.members.delete(user);
    group.memberSeq = 4;
    test.bus.publish(subjects.user(user), {
      frame: JSON.stringify({ type: 'chat.gone' }),
      chat: { id: group.id, member_seq: 4, removed: [user] },
    });
    answer();
    const client = await connecting;
    publish('secret', 5);
    await until('the ask', () => test.asked.some(({ kind }) => kind === 'chat'));
    await client.request({ id: '1', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
  });
});
