import { expect } from 'chai';
import { Beacons } from '../../../actors/runtime/beacons.ts';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { createNatsBus, type NatsBus } from '../../../ops/bus/nats-bus.ts';
import { connectNats, type NatsLink } from '../../../ops/connections/nats.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { eventually } from '../../support/eventually.ts';
import { startNats, type TestServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { connect, connectReady, heard, resynced, resyncs, texts } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';

/** A gateway and an owner, each with a link of its own to a real nats-server. */
describe('gateway: over NATS', () => {
  let server: TestServer;
  let links: NatsLink[];
  let here: NatsBus;
  let there: NatsBus;
  let owner: Beacons;
  let test: GatewayTest;
  let rechecks: number;
  const group = newId();
  const options = { beaconMs: 200, headKeptMs: 30_000, activations: 1000 };

  before(async () => {
    server = await startNats();
  });
  after(() => server.stop());
  beforeEach(async () => {
    rechecks = 0;
    links = await Promise.all(['gateway', 'owner'].map((name) => connectNats({ url: server.url, name })));
    [here, there] = links.map((link) => createNatsBus({ link, clock: systemClock })) as [NatsBus, NatsBus];
    owner = new Beacons({ bus: there, clock: systemClock, options });
    test = await startGateway({
      bus: here,
      recheckLogins: async () => {
        rechecks++;
      },
    });
    test.services['chats.attach'] = () => ({ chats: [{ id: group, member_seq: 3 }] });
  });
  afterEach(async () => {
    owner.close();
    await test.stop();
    await there.close();
    await Promise.all(links.map((link) => link.close()));
  });

  const message = (seq: number, text: string): Envelope => ({
    frame: JSON.stringify({ type: 'message.new', text }),
    chat: { id: group, seq, member_seq: 3 },
  });
  const say = (seq: number, text: string) => owner.publish(subjects.chat(group), message(seq, text));

  it('hands the bytes of frames to sockets and event streams as text, whatever they hold', async () => {
    const user = newId();
    const client = await connectReady(test, user);
    const stream = await fetch(`${test.base}/api/v1/events`, {
      headers: { authorization: `Bearer ${test.token(user)}` },
    });
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let streamed = '';
    const read = async (part: string) => {
      while (!streamed.includes(part)) {
        const { value } = await reader.read();
        streamed += decoder.decode(value, { stream: true });
      }
    };
    await read('"ready"');
    const words = ['plain', 'o‘zbek ўқғҳ 😀', 'ў'.repeat(30_000)];
    for (const [n, text] of words.entries()) say(4 + n, text);
    there.publish(subjects.user(user), {
      frame: JSON.stringify({ type: 'typing', text: 'ёзяпти…' }),
      droppable: true,
    });
    await until('all of them', () => texts(client).length === 4);
    expect(texts(client)).to.have.members([...words, 'ёзяпти…']);
    for (const text of words) await read(`"text":"${text}"`);
    await reader.cancel();
  });

  it('misses nothing that is published after `ready`', async () => {
    for (let round = 0; round < 20; round++) {
      const client = await connectReady(test, newId());
      say(10 + round, `after ${round}`);
      await heard(client, `after ${round}`);
      client.ws.close();
      await client.end();
    }
  });

  it('has every client fetch, and logins read again, after the server was killed', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => connectReady(test, newId())));
    say(4, 'before');
    for (const client of clients) await heard(client, 'before');
    await server.kill();
    await eventually(() => !links.some((link) => link.up()));
    say(5, 'lost');
    await server.start();
    for (const client of clients) await resynced(client);
    expect(rechecks).to.equal(1);
    say(6, 'after');
    for (const client of clients) {
      await heard(client, 'after');
      expect(texts(client)).to.deep.equal(['before', 'after']);
    }
  }).timeout(40_000);

  it('tells of a last frame that was lost on the owner’s side alone', async () => {
    const client = await connectReady(test, newId());
    say(4, 'before');
    await heard(client, 'before');
    // The owner's link breaks, and is back by itself; the gateway's stays.
    const [, link] = links;
    const end = link?.onChange((change) => {
      if (change === 'lost') say(5, 'lost');
    });
    await link?.connection.reconnect();
    await resynced(client, group);
    expect(texts(client)).to.deep.equal(['before']);
    expect(resyncs(client)).to.deep.equal([group]);
    end?.();
    expect(there.stats().dropped.away).to.be.above(0);
  });

  it('turns a client away that connects while the server is away', async () => {
    await server.kill();
    try {
      await eventually(() => !links.some((link) => link.up()));
      const client = await connect(test, { token: test.token(newId()) });
      expect(await client.event('bye')).to.include({ reason: 'unavailable' });
    } finally {
      await server.start();
    }
  });
});
