import { expect } from 'chai';
import type { Result } from '../../../actors/client/ask.ts';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { createLossyBus, type LossyBus } from '../../support/lossy-bus.ts';
import { until } from '../../support/until.ts';
import { type Client, connectReady, heard, resynced, resyncs, texts } from './clients.ts';
import { chatAsks, type GatewayTest, startGateway } from './support.ts';
import { serveChats, TestChat } from './test-chat.ts';

const hurry = 25;
/** All attempts of one question have failed by then. */
const patienceMs = 30_000 / hurry;
const attempts = 8;

describe('gateway: members whom nobody can be asked about', () => {
  let group: TestChat;
  let other: TestChat;
  let bus: LossyBus;
  let test: GatewayTest;
  /** Instead of an answer about the group. */
  let refusal: { code: 'unavailable'; reason: string } | undefined;

  beforeEach(async () => {
    [group, other] = [new TestChat(), new TestChat()];
    refusal = undefined;
    bus = createLossyBus(createLocalBus());
    test = await startGateway({ bus, hurry });
    serveChats(test, [group, other]);
    const { answer } = test.actors;
    test.actors.answer = (kind, id, commands) => {
      if (id !== group.id || refusal === undefined) return answer(kind, id, commands);
      return commands.map((): Result => ({ refusal: refusal as NonNullable<typeof refusal> }));
    };
  });
  afterEach(() => test.stop());

  const journalAway = { code: 'unavailable', reason: 'journal_away' } as const;
  const quarantined = { code: 'unavailable', reason: 'quarantined' } as const;
  const frozen = { code: 'unavailable', reason: 'frozen' } as const;
  const publish = (text: string, seq: number, more?: Partial<Envelope['chat']>) =>
    bus.publish(subjects.chat(group.id), group.message(text, seq, more));
  const announce = (user: string) =>
    bus.publish(subjects.user(user), {
      frame: JSON.stringify({ type: 'chat.new', text: 'new' }),
      attach: group.id,
      chat: { id: group.id, member_seq: group.memberSeq },
    });
  const allAttemptsFail = () => new Promise((resolve) => setTimeout(resolve, patienceMs));
  const askedTimes = (times: number) => until('the questions', () => chatAsks(test).length >= times);
  const soFar = async (client: Client) => {
    await client.request({ id: newId(), type: 'ping' });
    return texts(client);
  };
  /** SQL, restored, knows nothing of the chats that this user has entered since. */
  const forget = (user: string, list: { id: string; member_seq: number }[]) => {
    const serve = test.services['chats.attach'];
    test.services['chats.attach'] = (params: never, meta) =>
      meta.user_id === user ? { chats: list } : serve?.(params, meta);
  };

  it('hear the chat again as soon as somebody can, and nothing before', async () => {
    const [stays, leaves] = [await group.member(test), await group.member(test)];
    refusal = journalAway;
    group.memberSeq = 5;
    group.members.delete(leaves.user);
    // The removal at 5 is lost.
    publish('six', 6);
    await askedTimes(attempts);
    for (const { client } of [stays, leaves]) await resynced(client, group.id);
    publish('seven', 7);
    expect([await soFar(stays.client), await soFar(leaves.client)]).to.deep.equal([[], []]);
    const told = [stays, leaves].map(({ client }) => resyncs(client).length);
    refusal = undefined;
    for (const [n, { client }] of [stays, leaves].entries())
      await until('being told', () => resyncs(client).length > (told[n] ?? 0));
    publish('eight', 8);
    await heard(stays.client, 'eight');
    expect(await soFar(leaves.client)).to.deep.equal([]);
  });

  it('are let in meanwhile, and asked about before they hear anything', async () => {
    const stays = await group.member(test);
    refusal = journalAway;
    group.memberSeq = 5;
    publish('six', 6);
    await resynced(stays.client, group.id);
    const [comes, removed] = [await group.member(test), await group.member(test)];
    group.members.delete(removed.user);
    publish('seven', 7);
    for (const { client } of [stays, comes, removed]) expect(await soFar(client)).to.deep.equal([]);
    refusal = undefined;
    await resynced(comes.client, group.id);
    publish('eight', 8);
    for (const { client } of [stays, comes]) await heard(client, 'eight');
    expect(await soFar(removed.client)).to.not.include('eight');
  });

  it('are attached to their new chat when somebody can', async () => {
    const { client: stays } = await group.member(test);
    const user = newId();
    const client = await connectReady(test, user);
    publish('change', 4, { member_seq: 4 });
    await heard(stays, 'change');
    refusal = journalAway;
    group.members.add(user);
    announce(user);
    await askedTimes(attempts);
    await allAttemptsFail();
    publish('meanwhile', 5);
    await heard(stays, 'meanwhile');
    group.memberSeq = 4;
    refusal = undefined;
    await resynced(client, group.id);
    publish('next', 6);
    await heard(client, 'next');
    expect(texts(client)).to.deep.equal(['new', 'next']);
  });

  it('keep the chat while it waits for an operator, through a loss on the bus', async () => {
    const [stays, leaves] = [await group.member(test), await group.member(test)];
    refusal = quarantined;
    for (const { user } of [stays, leaves]) forget(user, []);
    bus.lose('all');
    for (const { client } of [stays, leaves]) await resynced(client);
    await askedTimes(1);
    await allAttemptsFail();
    for (const { client } of [stays, leaves]) expect(resyncs(client)).to.deep.equal([undefined]);
    // Adopted: the removal of one of them is what the chat has left.
    group.members.delete(leaves.user);
    group.memberSeq = 1_000_003;
    refusal = undefined;
    publish('adopted', 1_000_003);
    await heard(stays.client, 'adopted');
    await resynced(leaves.client, group.id);
    expect(await soFar(leaves.client)).to.deep.equal([]);
  });

  for (const [removed, waiting] of [
    [false, quarantined],
    [true, quarantined],
    [false, frozen],
  ] as const)
    it(`come to their other chats while one waits for an operator (${waiting.reason})${removed ? ', whatever the list says of it' : ''}`, async () => {
      const { client: stays } = await group.member(test);
      publish('change', 4, { member_seq: 4 });
      await heard(stays, 'change');
      group.memberSeq = 4;
      refusal = waiting;
      const user = newId();
      if (!removed) group.members.add(user);
      const list = [group, other].map(({ id }) => ({ id, member_seq: 3 }));
      forget(user, list);
      const client = await connectReady(test, user);
      expect(client.frames.map(({ type }) => type)).to.deep.equal(['ready']);
      bus.publish(subjects.chat(other.id), other.message('elsewhere', 4));
      await heard(client, 'elsewhere');
      // There was a better copy: it is as it was, without a change of membership.
      publish('back', 5);
      expect(await soFar(client)).to.deep.equal(['elsewhere']);
      refusal = undefined;
      await heard(stays, 'back');
      expect((await soFar(client)).includes('back')).to.equal(!removed);
      publish('next', 6);
      await heard(stays, 'next');
      expect((await soFar(client)).includes('next')).to.equal(!removed);
    });

  it('do not hide the removal of others, who were asked about before it', async () => {
    const [stays, leaves] = [await group.member(test), await group.member(test)];
    const { answer } = test.actors;
    let late = () => {};
    test.actors.answer = async (kind, id, commands) => {
      const results = [...((await answer(kind, id, commands)) ?? [])];
      const at = commands.findIndex((command) => (command as { by: string }).by === stays.user);
      if (chatAsks(test).length === 1) results[at] = { refusal: journalAway };
      else await new Promise<void>((resolve) => (late = resolve));
      return chatAsks(test).length === 1 ? results : ((await answer(kind, id, commands)) ?? []);
    };
    group.memberSeq = 5;
    publish('six', 6);
    await askedTimes(2);
    group.members.delete(leaves.user);
    publish('removed', 7, { member_seq: 7, removed: [leaves.user] });
    publish('joined', 8, { member_seq: 8 });
    group.memberSeq = 8;
    late();
    await heard(stays.client, 'joined');
    expect(await soFar(leaves.client)).to.deep.equal(['six']);
  });
});
