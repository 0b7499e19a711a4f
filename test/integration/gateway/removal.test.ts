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

/** The chats themselves behind the gateway: their own rules, runtime and beacons, and a network that loses. */
describe('gateway: a member whose removal is lost', () => {
  const group = newId();
  let bus: LossyBus;
  let host: ActorHost<MemoryTx>;
  let test: GatewayTest;

  beforeEach(async () => {
    bus = createLossyBus(createLocalBus());
    host = new ActorHost<MemoryTx>({
      node: 'owner',
      shards: 4,
      journal: createMemoryJournal({ exclusive: true }).attach(),
      store: createMemoryFlushStore(new MemoryDatabase()),
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
  const say = (by: string, text: string) =>
    ask({ type: 'message.send', by, client_id: newId(), kind: 'text', text });
  const of = ({ frames }: Client, type: string) => frames.filter((frame) => frame.type === type);
  const hears = (client: Client, text: string) =>
    until(text, () => of(client, 'message.new').some((frame) => frame.text === text));

  for (const later of ['silence', 'talk'])
    it(`hears nothing more of the chat, in the ${later} that follows`, async () => {
      const [ann, bob, cem] = [newId(), newId(), newId()];
      const [toAnn, toBob, toCem] = await Promise.all(
        [ann, bob, cem].map((user) => connectReady(test, user)),
      );
      if (toAnn === undefined || toBob === undefined || toCem === undefined) throw new Error('not connected');
      const users = [ann, bob, cem].map((id) => ({ id, username: id, display_name: id, avatar: null }));
      await ask({
        type: 'chat.create',
        by: ann,
        chat_type: 'group',
        number: 1,
        title: 'g',
        about: null,
        users,
      });
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
});
