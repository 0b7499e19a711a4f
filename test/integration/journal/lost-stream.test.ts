import { expect } from 'chai';
import {
  type JetstreamJournal,
  type JetstreamJournalOptions,
  openJetstreamJournal,
} from '../../../actors/journal/jetstream-journal.ts';
import { JournalError } from '../../../actors/journal/journal.ts';
import { connectNats, type NatsLink } from '../../../ops/connections/nats.ts';
import { systemClock as clock } from '../../../ops/process/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { startNats, type TestServer } from '../../support/servers.ts';
import { type ChatShard, createChatShard } from './chat-shard.ts';

describe('a stream that was deleted under a running node', () => {
  let server: TestServer;
  let link: NatsLink;
  let world: ChatShard;
  const opened: JetstreamJournal[] = [];

  before(async function () {
    this.timeout(60_000);
    server = await startNats();
    link = await connectNats({ url: server.url, name: 'lost stream' });
    world = await createChatShard();
  });
  after(async () => {
    await world?.end();
    for (const journal of opened) await journal.close();
    await link?.close();
    await server?.stop();
  });

  async function open(more: Partial<JetstreamJournalOptions> = {}): Promise<JetstreamJournal> {
    const journal = await openJetstreamJournal({
      link,
      clock,
      stream: 'lost',
      maxBytes: 16_777_216,
      ...more,
    });
    opened.push(journal);
    return journal;
  }

  it('is written to the end from memory, waits for its adoption, and is used again without a restart', async function () {
    this.timeout(60_000);
    const host = await world.start('one', await open(), () => open({ make: false }));
    const id = await world.makeGroup(host);
    expect(await world.send(host, id, 'first')).to.equal(2);
    const manager = await link.connection.jetstreamManager();
    await manager.streams.delete('lost');
    await eventually(async () => {
      const refused = await world.send(host, id, 'refused').catch(String);
      return String(refused).includes('quarantined');
    });
    expect(await world.textsOf(id)).to.deep.equal(['first']);
    expect(await open({ make: false }).catch((error: Error) => error.message), 'nobody makes it').to.include(
      'no stream',
    );

    const fresh = await open();
    expect(host.stats().shards).to.include({ quarantined: 1 });
    expect(await world.adopt(fresh)).to.include({ raised: 1, replayed: 0 });
    await eventually(() => host.stats().shards.serving === 1);
    expect(await world.send(host, id, 'second')).to.equal(2 + 1_000_001);
    await eventually(async () => (await world.textsOf(id)).length === 2);
    const [one] = opened;
    const error = await one?.newest(0).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(JournalError).and.include({ fault: 'gone' });
    await world.stop(host);
  });

  it('is left by shards to which nobody writes too, and the alarm counts them', async function () {
    this.timeout(60_000);
    const lost = (more = {}) => open({ stream: 'lost-quietly', ...more });
    const other = await createChatShard();
    try {
      const host = await other.start('two', await lost(), () => lost({ make: false }), 2);
      const id = await other.makeGroup(host);
      await (await link.connection.jetstreamManager()).streams.delete('lost-quietly');
      await eventually(async () =>
        String(await other.send(host, id, 'refused').catch(String)).includes('quarantined'),
      );
      expect(host.stats().shards).to.include({ serving: 1, quarantined: 1 });
      await lost();
      await eventually(
        () => host.stats().shards.quarantined === 2 || JSON.stringify(host.stats().shards),
        20_000,
      );
    } finally {
      await other.end();
    }
  });
});
