import { expect } from 'chai';
import type { BusLoss } from '../../../ops/bus/bus.ts';
import { createNatsBus, type NatsBus, type NatsBusOptions } from '../../../ops/bus/nats-bus.ts';
import { connectNats, type NatsLink } from '../../../ops/connections/nats.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { freePort } from '../../../ops/process/free-port.ts';
import { refusalOf } from '../../../schemas/errors.ts';
import { hashedId } from '../../../schemas/hashed-id.ts';
import { newId } from '../../../schemas/ids.ts';
import { isSubject, subjects } from '../../../schemas/subjects.ts';
import { eventually } from '../../support/eventually.ts';
import { startNats, type TestServer } from '../../support/servers.ts';

describe('the bus over NATS', () => {
  let server: TestServer;
  let monitoring: number;
  let links: NatsLink[];
  let buses: NatsBus[];

  before(async () => {
    monitoring = await freePort();
    server = await startNats(['--http_port', String(monitoring)]);
  });
  after(() => server.stop());
  beforeEach(() => {
    links = [];
    buses = [];
  });
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    await Promise.all(links.map((link) => link.close()));
  });

  async function make(options: Partial<NatsBusOptions> = {}): Promise<{ bus: NatsBus; link: NatsLink }> {
    const link = await connectNats({ url: server.url, name: 'bus test' });
    const bus = createNatsBus({ link, clock: systemClock, ...options });
    links.push(link);
    buses.push(bus);
    return { bus, link };
  }

  function listen(bus: NatsBus, subject: string): string[] {
    const frames: string[] = [];
    bus.subscribe(subject, ({ frame }) => frames.push(frame.toString()));
    return frames;
  }

  const code = (promise: Promise<void>) =>
    promise.then(
      () => 'held',
      (error) => refusalOf(error).code,
    );
  const natsSubscriptions = async () => {
    const answer = await fetch(`http://127.0.0.1:${monitoring}/subsz`);
    return ((await answer.json()) as { num_subscriptions: number }).num_subscriptions;
  };

  it('can take every subject that our ids make', () => {
    const ids = [newId(), hashedId('a private chat')];
    for (const id of ids)
      for (const subject of [subjects.user(id), subjects.chat(id), subjects.presence(id), subjects.revoked])
        expect(isSubject(subject), subject).to.equal(true);
    for (const hostile of ['>', '*', 'a b', 'x\r\nPUB y', '', 'a..b', '$JS.API'])
      expect(isSubject(subjects.user(hostile)), hostile).to.equal(false);
  });

  it('never hears what is published outside its prefix, as journals are, nor another deployment', async () => {
    const { bus, link } = await make({ prefix: 'suhbat.bus' });
    const { bus: other } = await make({ prefix: 'suhbat.bus2' });
    const frames = listen(bus, 'chat.a');
    await bus.settled();
    for (const subject of [
      'chat.a',
      'suhbat.journal.7',
      'suhbat.chat.a',
      'suhbat.bus.chat',
      'suhbat.busy.chat.a',
    ])
      link.connection.publish(subject, 'j{}\nnot ours');
    other.publish('chat.a', { frame: 'another' });
    await other.settled();
    bus.publish('chat.a', { frame: 'ours' });
    await eventually(() => frames.length > 0);
    expect(frames).to.deep.equal(['ours']);
    expect(bus.stats().malformed).to.equal(0);
  });

  it('holds one NATS subscription for all that listen to a subject, until the last ends', async () => {
    const { bus } = await make();
    await bus.settled();
    const before = await natsSubscriptions();
    const ends = Array.from({ length: 5 }, () => bus.subscribe('chat.a', () => {}));
    await bus.settled();
    expect(await natsSubscriptions()).to.equal(before + 1);
    for (const end of ends.slice(1)) end();
    await bus.settled();
    expect(await natsSubscriptions()).to.equal(before + 1);
    ends[0]?.();
    await bus.settled();
    expect(await natsSubscriptions()).to.equal(before);
    expect(bus.stats().subjects).to.equal(0);
  });

  it('counts and drops what is no envelope, and goes on', async () => {
    const { bus, link } = await make();
    const frames = listen(bus, 'chat.a');
    await bus.settled();
    const bad = [
      '',
      '\n',
      'c',
      'c\n',
      'c x\nframe',
      'c id seq 3\nframe',
      'cid 1 \nframe',
      'cid 1.5 1\nframe',
      'j\nframe',
      'j[]\nframe',
      'jnull\nframe',
      'j{"chat":{"id":1,"member_seq":1}}\nframe',
      'j{"chat":{"id":"a"}}\nframe',
      'j{"chat":{"id":"a","member_seq":1,"removed":"all"}}\nframe',
      'j{"attach":7}\nframe',
      'j{"droppable":"yes"}\nframe',
      'z a form of later\nframe',
      '{"frame":"as json"}',
      Buffer.from([0xff, 0xfe, 0x0a, 0x00]),
    ];
    for (const payload of bad) link.connection.publish('suhbat.bus.chat.a', payload);
    bus.publish('chat.a', { frame: 'good' });
    await eventually(() => frames.length > 0);
    expect(frames).to.deep.equal(['good']);
    expect(bus.stats().malformed).to.equal(bad.length);
  });

  it('drops what the server would not take, and says so in its counters', async () => {
    const { bus } = await make();
    const frames = listen(bus, 'chat.a');
    await bus.settled();
    bus.publish('chat.a', { frame: 'x'.repeat(2 * 1024 * 1024) });
    bus.publish('chat.*', { frame: 'to all' });
    bus.publish('chat.a', { frame: 'good' });
    await eventually(() => frames.length > 0);
    expect(frames).to.deep.equal(['good']);
    expect(bus.stats().dropped).to.deep.equal({ away: 0, slow: 0, unsendable: 2 });
  });

  it('throws for nobody after its link was closed, and holds nothing then', async () => {
    const { bus, link } = await make();
    const frames = listen(bus, 'chat.a');
    await link.close();
    const end = bus.subscribe('chat.b', () => {});
    bus.publish('chat.a', { frame: 'x' });
    expect(await code(bus.settled())).to.equal('unavailable');
    end();
    expect(frames).to.deep.equal([]);
    expect(bus.stats().dropped.away).to.equal(1);
  });

  it('shares round trips: thousands who attach at once ask the server a few times', async () => {
    const { bus, link } = await make();
    let flushes = 0;
    const flush = link.connection.flush.bind(link.connection);
    link.connection.flush = () => {
      flushes++;
      return flush();
    };
    await Promise.all(Array.from({ length: 2000 }, () => bus.settled()));
    expect(flushes).to.be.within(1, 3);
  });

  it('loses what is published while the server is away, holds again when it is back, and says so then', async () => {
    const { bus, link } = await make();
    const frames = listen(bus, 'chat.a');
    await bus.settled();
    const steps: string[] = [];
    const flush = link.connection.flush.bind(link.connection);
    link.connection.flush = async () => {
      await flush();
      steps.push('round trip');
    };
    link.onChange((change) => steps.push(change));
    const losses: BusLoss[] = [];
    bus.onLoss((loss) => {
      losses.push(loss);
      steps.push('told');
      bus.publish('chat.a', { frame: 'after the loss' });
      bus.publish('chat.late', { frame: 'after the loss' });
    });
    await server.kill();
    await eventually(async () => (await code(bus.settled())) === 'unavailable');
    for (let n = 0; n < 1000; n++) bus.publish('chat.a', { frame: 'lost' });
    const late = listen(bus, 'chat.late');
    const ended = bus.subscribe('chat.ended', () => {
      throw new Error('it was ended');
    });
    ended();
    expect(losses).to.deep.equal([]);
    await server.start();
    await eventually(() => frames.length > 0 && late.length > 0, 15_000);
    bus.publish('chat.ended', { frame: 'x' });
    await bus.settled();
    await bus.settled();
    expect(frames).to.deep.equal(['after the loss']);
    expect(late, 'subscribed while away, heard once').to.deep.equal(['after the loss']);
    expect(losses).to.deep.equal(['all']);
    expect(steps.slice(0, 4)).to.deep.equal(['lost', 'back', 'round trip', 'told']);
    expect(bus.stats().dropped.away).to.be.at.least(1000);
  }).timeout(40_000);

  it('bounds what waits for a server that takes nothing, and tells that something was lost', async () => {
    const mostWaitingBytes = 4 * 1024 * 1024;
    const { bus } = await make({ mostWaitingBytes, settleMs: 300 });
    const { bus: there } = await make();
    const frames = listen(there, 'chat.a');
    await eventually(async () => (await code(bus.settled())) === 'held');
    await there.settled();
    const losses: BusLoss[] = [];
    bus.onLoss((loss) => losses.push(loss));
    const frame = 'x'.repeat(10_000);
    await server.pause();
    try {
      for (let n = 0; n < 3000; n++) {
        bus.publish('chat.a', { frame: `${n} ${frame}` });
        expect(bus.stats().waitingBytes).to.be.at.most(mostWaitingBytes);
      }
      expect(bus.stats().dropped.slow).to.be.above(2000);
      expect(await code(bus.settled()), 'a wait that ends').to.equal('unavailable');
    } finally {
      server.resume();
    }
    await eventually(() => losses.length > 0);
    expect(losses).to.deep.equal(['sent']);
    bus.publish('chat.a', { frame: 'last' });
    await eventually(() => frames.at(-1) === 'last');
    const arrived = frames.slice(0, -1).map((text) => Number(text.split(' ')[0]));
    expect(arrived, 'what was taken, whole and in order').to.deep.equal(arrived.map((_, n) => n));
    expect(arrived.length + bus.stats().dropped.slow).to.equal(3000);
    expect(bus.stats().waitingBytes).to.be.below(mostWaitingBytes / 2);
  });
});
