import { expect } from 'chai';
import { chatKind } from '../../../actors/chat/kind.ts';
import { createMemoryJournal } from '../../../actors/journal/memory-journal.ts';
import { ActorHost } from '../../../actors/runtime/host.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import type { ChatCommand } from '../../../schemas/chat/commands.ts';
import { newId } from '../../../schemas/ids.ts';
import { createLossyBus, type LossyBus, lost } from '../../support/lossy-bus.ts';
import { ChatTables, createMemoryChatStore } from '../../support/memory-chat-store.ts';
import { createMemoryFlushStore, MemoryDatabase, type MemoryTx } from '../../support/memory-flush-store.ts';
import { until } from '../../support/until.ts';
import { type Client, connectReady } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';

const shards = 4;

/** The chats themselves behind the gateway: their own rules, runtime and beacons, and a network that loses. */
describe('gateway: a member who is removed', () => {
  const group = newId();
  let bus: LossyBus;
  let host: ActorHost<MemoryTx>;
  let test: GatewayTest;
  let database: MemoryDatabase;

  beforeEach(async () => {
    database = new MemoryDatabase();
    bus = createLossyBus(createLocalBus());
    host = new ActorHost<MemoryTx>({
      node: 'owner',
      shards,
      journal: createMemoryJournal({ exclusive: true }).attach(),
      store: createMemoryFlushStore(database),
      kinds: [anyKind(chatKind(createMemoryChatStore(new ChatTables())))],
      bus,
      clock: systemClock,
      observer: {},
      placement: { owner: () => 'owner', isLive: () => true, askRelease: () => {} },
      options: { beaconMs: 200 },
      log: () => {},
    });
    await host.start();
    test = await startGateway({ bus });
    test.actors.answer = (kind, id, commands) =>
      kind === 'chat' ? host.ask({ kind, id, commands, budgetMs: 5000 }) : undefined;
  });
  afterEach(async () => {
    await host.drain(1000);
    await test.stop();
  });

  async function ask(command: ChatCommand): Promise<void> {
    const [result] = await host.ask({ kind: 'chat', id: group, commands: [command], budgetMs: 5000 });
    if (result === undefined || 'refusal' in result) throw new Error(JSON.stringify(result));
  }
  const short = (id: string) => ({ id, username: id, display_name: id, avatar: null });
  const create = (by: string, ...others: string[]) =>
    ask({
      type: 'chat.create',
      by,
      chat_type: 'group',
      number: 1,
      title: 'g',
      about: null,
      users: [by, ...others].map(short),
    });
  const say = (by: string, text: string) =>
    ask({ type: 'message.send', by, client_id: newId(), kind: 'text', text });
  const of = ({ frames }: Client, type: string) => frames.filter((frame) => frame.type === type);
  const hears = (client: Client, text: string) =>
    until(text, () => of(client, 'message.new').some((frame) => frame.text === text));

  for (const later of ['silence', 'talk'])
    it(`hears nothing more of the chat where that is lost, in the ${later} that follows`, async () => {
      const [ann, bob, cem] = [newId(), newId(), newId()];
      const [toAnn, toBob, toCem] = await Promise.all(
        [ann, bob, cem].map((user) => connectReady(test, user)),
      );
      if (toAnn === undefined || toBob === undefined || toCem === undefined) throw new Error('not connected');
      await create(ann, bob, cem);
      for (const client of [toAnn, toBob, toCem]) await client.event('chat.new');
      await say(ann, 'to all');
      for (const client of [toAnn, toBob, toCem]) await hears(client, 'to all');

      let dropped = 0;
      bus.network = (_, { chat }) => {
        if (chat?.removed === undefined || chat.head_age_ms !== undefined) return { times: 1, behind: 0 };
        dropped++;
        return lost;
      };
      await ask({ type: 'member.remove', by: ann, user_id: bob });
      expect(dropped, 'the frame of the chat, and the one to himself').to.equal(2);
      if (later === 'silence')
        for (const client of [toAnn, toBob, toCem])
          await until('resync', () => of(client, 'resync').some(({ chat_id }) => chat_id === group));
      const before = toBob.frames.length;
      await say(ann, 'not for bob');
      await ask({ type: 'typing', by: ann, active: true });
      await ask({ type: 'read', by: cem, seq: 1 });
      for (const client of [toAnn, toCem]) {
        await hears(client, 'not for bob');
        await client.event('typing');
      }
      await toBob.request({ id: 'p', type: 'ping' });
      const news = toBob.frames.slice(before).filter(({ type, re }) => re === undefined && type !== 'resync');
      expect(news).to.deep.equal([]);
      await until('bob is told', () => of(toBob, 'resync').some(({ chat_id }) => chat_id === group));
    });

  for (const watched of [true, false])
    it(`before PostgreSQL has his adding, hears last that the chat is gone, ${watched ? '' : 'un'}known to his gateway`, async () => {
      const [ann, bob] = [newId(), newId()];
      const toBob = await connectReady(test, bob);
      const toAnn = watched ? await connectReady(test, ann) : undefined;
      await create(ann);
      await toAnn?.event('chat.new');
      const other = {};
      for (let shard = 0; shard < shards; shard++) await database.lock(shard, other);
      const adding = ask({ type: 'member.add', by: ann, users: [short(bob)] });
      const removing = ask({ type: 'member.remove', by: ann, user_id: bob });
      await toBob.event('chat.gone');
      expect(of(toBob, 'chat.new')).to.deep.equal([]);
      database.unlock(other);
      await Promise.all([adding, removing]);
      await toBob.event('chat.new');
      await toBob.request({ id: 'p', type: 'ping' });
      const told = toBob.frames.flatMap(({ type }) => (type?.startsWith('chat.') ? [type] : []));
      expect(told).to.deep.equal(['chat.gone', 'chat.new', 'chat.gone']);
      await say(ann, 'not for bob');
      await toBob.request({ id: 'q', type: 'ping' });
      expect(of(toBob, 'message.new')).to.deep.equal([]);
    });

  it('hears that once where nothing about him waits any more', async () => {
    const [ann, bob] = [newId(), newId()];
    const toBob = await connectReady(test, bob);
    await create(ann, bob);
    await toBob.event('chat.new');
    await ask({ type: 'member.remove', by: ann, user_id: bob });
    await toBob.request({ id: 'p', type: 'ping' });
    expect(of(toBob, 'chat.gone')).to.have.length(1);
  });
});
