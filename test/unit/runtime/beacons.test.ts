import { expect } from 'chai';
import { Beacons } from '../../../actors/runtime/beacons.ts';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { createLossyBus, type LossyBus } from '../../support/lossy-bus.ts';
import { createNode, createWorld } from '../../support/runtime-harness.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

describe('beacons', () => {
  const options = { beaconMs: 2000, headKeptMs: 30_000, activations: 1000 };
  let clock: VirtualClock;
  let bus: LossyBus;
  let beacons: Beacons;
  let began: number;

  beforeEach(() => {
    looked = 0;
    clock = new VirtualClock();
    began = clock.monotonic();
    bus = createLossyBus(createLocalBus());
    beacons = new Beacons({ bus, clock, options });
  });

  const frame = (id: string, seq: number, more: Partial<Envelope['chat']> = {}): Envelope => ({
    frame: `${id} ${seq}`,
    chat: { id, seq, member_seq: 1, ...more },
  });
  const say = (id: string, seq: number) => beacons.publish(`chat.${id}`, frame(id, seq));
  /** The beacons that left since the last look. */
  let looked = 0;
  const left = () => {
    const fresh = bus.published
      .slice(looked)
      .filter(({ envelope: { chat } }) => chat?.head_age_ms !== undefined);
    looked = bus.published.length;
    return fresh;
  };
  const heads = () => left().map(({ subject, envelope }) => `${subject} ${envelope.chat?.seq}`);

  it('tells a head two seconds after the last frame, and not before', async () => {
    say('a', 7);
    await clock.advance(1900);
    say('a', 8);
    await clock.advance(1900);
    say('a', 9);
    await clock.advance(1999);
    expect(heads()).to.deep.equal([]);
    await clock.advance(200);
    const told = left();
    expect(told).to.have.length(1);
    expect(told[0]?.subject).to.equal('chat.a');
    expect(told[0]?.envelope.chat).to.include({ id: 'a', seq: 9, member_seq: 1 });
    expect(told[0]?.envelope.chat?.head_age_ms).to.be.within(2000, 2200);
  });

  it('tells it a last time, then forgets the chat and stops its timer', async () => {
    say('a', 7);
    await clock.advance(2200);
    expect(heads()).to.deep.equal(['chat.a 7']);
    await clock.advance(27_700);
    expect(heads()).to.deep.equal([]);
    expect(beacons.size).to.equal(1);
    await clock.advance(300);
    expect(heads()).to.deep.equal(['chat.a 7']);
    expect(beacons.size).to.equal(0);
    await clock.advance(200);
    expect(clock.next).to.equal(undefined);
    say('a', 8);
    await clock.advance(2200);
    expect(heads()).to.deep.equal(['chat.a 8']);
  });

  it('tells it twice, the one some time after the other, also where all that time passed at once', async () => {
    say('a', 7);
    clock.leap(40_000);
    await clock.advance(100);
    expect(heads()).to.deep.equal(['chat.a 7']);
    await clock.advance(1800);
    expect(heads()).to.deep.equal([]);
    await clock.advance(300);
    expect(heads()).to.deep.equal(['chat.a 7']);
    expect(beacons.size).to.equal(0);
  });

  it('tells a private chat on both its subjects', async () => {
    const envelope = frame('p', 3);
    for (const subject of ['user.ann', 'user.bob']) beacons.publish(subject, envelope);
    await clock.advance(2200);
    expect(heads()).to.deep.equal(['user.ann 3', 'user.bob 3']);
    expect(envelope.chat?.head_age_ms, 'the frame itself is no beacon').to.equal(undefined);
  });

  it('is driven by frames with a seq and by announcements, and by nothing else', async () => {
    beacons.publish('chat.a', { frame: 'typing', droppable: true, chat: { id: 'a', member_seq: 1 } });
    beacons.publish('presence.ann', { frame: 'presence', droppable: true });
    beacons.publish('logins.revoked', { frame: '', note: {} });
    expect(beacons.size).to.equal(0);
    beacons.publish('user.ann', { frame: 'new', chat: { id: 'a', member_seq: 4 }, attach: 'a' });
    beacons.publish('user.bob', { frame: 'gone', chat: { id: 'a', member_seq: 5, removed: ['bob'] } });
    say('a', 6);
    await clock.advance(2200);
    expect(
      left().map(({ subject, envelope: { attach, chat } }) => [subject, attach, chat?.seq, chat?.removed]),
    ).to.deep.equal([
      ['user.ann', 'a', 4, undefined],
      ['user.bob', undefined, 5, ['bob']],
      ['chat.a', undefined, 6, undefined],
    ]);
  });

  it('tells of a member what is true now', async () => {
    beacons.publish('user.ann', { frame: 'new', chat: { id: 'a', member_seq: 4 }, attach: 'a' });
    beacons.publish('user.ann', { frame: 'gone', chat: { id: 'a', member_seq: 5, removed: ['ann'] } });
    await clock.advance(2200);
    const [told, ...more] = left();
    expect(more).to.deep.equal([]);
    expect(told?.envelope.attach).to.equal(undefined);
    expect(told?.envelope.chat).to.include({ seq: 5, member_seq: 5 });
  });

  it('tells what somebody else published, by its age, and never in place of what is newer', async () => {
    const at = clock.monotonic();
    await clock.advance(1000);
    const gone = { frame: 'gone', chat: { id: 'a', member_seq: 5, removed: ['ann'] } };
    beacons.publish('user.ann', gone);
    beacons.remember('user.ann', { frame: 'new', chat: { id: 'a', member_seq: 4 }, attach: 'a' }, at);
    beacons.remember('chat.a', frame('a', 4), at);
    expect(bus.published).to.have.length(1);
    await clock.advance(1100);
    expect(left().map(({ subject, envelope }) => [subject, envelope.chat?.head_age_ms])).to.deep.equal([
      ['chat.a', 2000],
    ]);
    await clock.advance(1000);
    const [told, ...more] = left();
    expect(more).to.deep.equal([]);
    expect(told?.envelope.attach).to.equal(undefined);
    expect(told?.envelope.chat).to.deep.include({ seq: 5, member_seq: 5, removed: ['ann'] });
    beacons.close();
    beacons.remember('chat.b', frame('b', 1), at);
    expect(beacons.size).to.equal(0);
    expect(clock.next).to.equal(undefined);
  });

  it('never tells less than it told: replays of old frames do not move a head back', async () => {
    say('a', 9);
    say('a', 4);
    await clock.advance(2200);
    expect(heads()).to.deep.equal(['chat.a 9']);
  });

  it('tells all heads of the last 30 s after a loss, each again', async () => {
    say('old', 1);
    await clock.advance(30_300);
    say('quiet', 2);
    await clock.advance(10_000);
    say('fresh', 3);
    left();
    bus.lose('all');
    await clock.advance(200);
    expect(heads()).to.deep.equal(['chat.quiet 2', 'chat.fresh 3']);
    bus.lose('sent');
    await clock.advance(200);
    expect(heads()).to.deep.equal(['chat.quiet 2', 'chat.fresh 3']);
  });

  it('forgets nothing while its last word may be lost', async () => {
    say('a', 7);
    await clock.advance(20_000);
    bus.up = false;
    await clock.advance(60_000);
    expect(beacons.size).to.equal(1);
    bus.up = true;
    left();
    bus.lose('all');
    await clock.advance(3000);
    expect(heads()).to.include('chat.a 7');
    expect(beacons.size).to.equal(0);
  });

  it('spreads many beacons over ticks, and loses none', async () => {
    const many = new Beacons({ bus, clock, options: { ...options, activations: 10_000 } });
    for (let n = 0; n < 5000; n++) many.publish(`chat.${n}`, frame(`${n}`, 1));
    left();
    const perTick: number[] = [];
    for (let n = 0; n < 30; n++) {
      await clock.advance(100);
      perTick.push(heads().length);
    }
    expect(Math.max(...perTick)).to.be.at.most(2000);
    expect(perTick.reduce((sum, count) => sum + count)).to.equal(5000);
    await clock.advance(30_000);
    expect(many.size).to.equal(0);
  });

  it('remembers no more chats than its bound', () => {
    for (let n = 0; n < 1200; n++) say(`${n}`, 1);
    expect(beacons.size).to.equal(1000);
    expect(bus.published).to.have.length(1200);
  });

  it('has one timer, however many chats speak', async () => {
    for (let n = 0; n < 500; n++) say(`${n}`, 1);
    let timers = 0;
    const at = clock.next;
    while (clock.next === at && clock.step()) timers++;
    expect(timers).to.equal(1);
    expect(clock.monotonic() - began).to.equal(100);
  });

  it('tells what it still would have told when it ends, and nothing after', async () => {
    say('told', 1);
    await clock.advance(2200);
    say('untold', 2);
    left();
    beacons.close();
    expect(heads()).to.deep.equal(['chat.untold 2']);
    bus.lose('all');
    await clock.advance(40_000);
    expect(heads()).to.deep.equal([]);
    expect(clock.next).to.equal(undefined);
  });

  it('follow what actors commit where the bus may lose it, and only there', async () => {
    for (const lossy of [true, false]) {
      const world = createWorld();
      const network = createLossyBus(createLocalBus());
      const node = createNode(world, { bus: lossy ? network : createLocalBus() });
      await node.start();
      const told: Envelope[] = [];
      node.bus.subscribe('ledger.x', (envelope) => told.push({ ...envelope, frame: String(envelope.frame) }));
      await node.put('x', 'k1');
      await node.put('x', 'k2');
      await world.clock.advance(2200);
      const beaconsTold = told.filter(({ frame: text }) => text === '');
      expect(told.length - beaconsTold.length).to.equal(2);
      expect(beaconsTold.map(({ chat }) => chat?.seq)).to.deep.equal(lossy ? [2] : []);
      expect(node.host.stats().heads).to.equal(lossy ? 1 : 0);
    }
  });
});
