import { expect } from 'chai';
import type { Confirmation } from '../../../actors/runtime/fence.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { StandingFrames } from '../../../actors/runtime/standing.ts';
import { userKind } from '../../../actors/user/kind.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import type { Presence } from '../../../schemas/frames/server.ts';
import { subjects } from '../../../schemas/subjects.ts';
import type { UserCommand } from '../../../schemas/user/commands.ts';
import { arrives, createLossyBus, type LossyBus, lost } from '../../support/lossy-bus.ts';
import { createWorld, type Node, startNode, view, type World } from '../../support/runtime-harness.ts';
import { settled, VirtualClock } from '../../support/virtual-clock.ts';

describe('standing frames', () => {
  const options = { beaconMs: 2000, headKeptMs: 30_000, retryMaxMs: 2000 };
  let clock: VirtualClock;
  let bus: LossyBus;
  let answers: () => Promise<Confirmation>;
  let frames: StandingFrames;

  const make = (most?: number) =>
    new StandingFrames({ bus, fence: { confirm: () => answers() }, clock, options }, most);
  const told = () => bus.published.splice(0).map(({ subject, envelope }) => `${subject} ${envelope.frame}`);

  beforeEach(() => {
    clock = new VirtualClock();
    bus = createLossyBus(createLocalBus());
    answers = async () => 'own';
    frames = make();
  });

  it('are told again after a loss, of each subject the newest', async () => {
    frames.remember('a', { frame: '1' });
    frames.remember('b', { frame: '2' });
    frames.remember('a', { frame: '3' });
    expect(told()).to.deep.equal([]);
    bus.lose('sent');
    await settled();
    expect(told()).to.deep.equal(['b 2', 'a 3']);
    bus.lose('all');
    await settled();
    expect(told()).to.deep.equal(['b 2', 'a 3']);
  });

  it('are never older than what was told since, however long the journal takes to answer', async () => {
    answers = async () => 'unknown';
    frames.remember('a', { frame: '1' });
    bus.lose('all');
    await clock.advance(5000);
    frames.remember('a', { frame: '2' });
    expect(told()).to.deep.equal([]);
    answers = async () => 'own';
    await clock.advance(2000);
    expect(told()).to.deep.equal(['a 2']);
    await clock.advance(5000);
    expect(told()).to.deep.equal([]);
  });

  it('are not told by an owner that is none any more', async () => {
    frames.remember('a', { frame: '1' });
    answers = async () => 'lost';
    bus.lose('all');
    await clock.advance(5000);
    let answer = (_: Confirmation) => {};
    answers = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    bus.lose('all');
    frames.close();
    answer('own');
    bus.lose('all');
    frames.remember('a', { frame: '2' });
    await clock.advance(5000);
    expect(told()).to.deep.equal([]);
    expect(frames.size).to.equal(0);
    expect(clock.next).to.equal(undefined);
  });

  it('are forgotten after a while, but not before it is sure that they left', async () => {
    frames.remember('a', { frame: '1' });
    await clock.advance(20_000);
    frames.remember('b', { frame: '2' });
    await clock.advance(11_000);
    expect(frames.size).to.equal(1);
    bus.up = false;
    await clock.advance(600_000);
    expect(frames.size).to.equal(1);
    bus.up = true;
    await clock.advance(5000);
    expect(frames.size).to.equal(0);
    expect(clock.next).to.equal(undefined);
    frames.remember('c', { frame: '3' });
    await clock.advance(30_000);
    expect(frames.size).to.equal(0);
  });

  it('are bounded, and leave in portions', async () => {
    frames = make(250);
    for (let n = 0; n < 300; n++) frames.remember(`${n}`, { frame: '' });
    expect(frames.size).to.equal(250);
    bus.lose('all');
    const portions: number[] = [];
    for (let n = 0; n < 4; n++) {
      await clock.advance(n === 0 ? 0 : 100);
      portions.push(told().length);
    }
    expect(portions).to.deep.equal([100, 100, 50, 0]);
  });

  it('of a loss in the midst of it begin anew', async () => {
    for (let n = 0; n < 150; n++) frames.remember(`${n}`, { frame: '' });
    bus.lose('all');
    await settled();
    bus.lose('all');
    await clock.advance(1000);
    expect(told()).to.have.length(250);
  });
});

describe('presence where the owner alone has lost the bus', () => {
  const times = { graceMs: 10_000, pingMs: 60_000 };
  const ann = 'ann';
  let world: World;
  let network: LossyBus;
  let node: Node;
  let heard: boolean[];

  beforeEach(async () => {
    world = createWorld(false);
    network = createLossyBus(createLocalBus());
    heard = [];
    network.subscribe(subjects.presence(ann), ({ frame }) => {
      heard.push((JSON.parse(String(frame)) as Presence).online);
    });
    node = await start('n1', network);
  });

  function start(name: string, bus: LossyBus): Promise<Node> {
    const store = { lastSeen: async () => null, writeSeen: async () => {} };
    return startNode(world, name, { kinds: [anyKind(userKind(store, times))], bus });
  }

  async function tell(type: 'connect' | 'disconnect', at = node): Promise<void> {
    const command: UserCommand = { type, gateway: 'g1', connection: 'c1' };
    await at.host.ask({ kind: 'user', id: ann, commands: [command], budgetMs: 60_000 });
  }

  it('reaches who watches when the link is back: offline', async () => {
    await tell('connect');
    network.network = () => lost;
    network.up = false;
    await tell('disconnect');
    await world.clock.advance(times.graceMs + 60_000);
    expect(heard).to.deep.equal([true]);
    network.network = () => arrives;
    network.up = true;
    network.lose('all');
    await world.clock.advance(100);
    expect(heard).to.deep.equal([true, false]);
  });

  it('reaches who watches when the link is back: online', async () => {
    await tell('connect');
    await tell('disconnect');
    await world.clock.advance(times.graceMs + 100);
    network.network = () => lost;
    await tell('connect');
    expect(heard).to.deep.equal([true, false]);
    network.network = () => arrives;
    network.lose('sent');
    await world.clock.advance(100);
    expect(heard).to.deep.equal([true, false, true]);
  });

  it('is not told again by an owner from whom the shard was taken meanwhile', async () => {
    await tell('connect');
    // The second node does not see the first one, which was paused, or cut off.
    const other = await start('n2', createLossyBus(createLocalBus()));
    await world.clock.advance(3000);
    await tell('connect', other);
    expect(other.host.stats().actors).to.deep.equal({ user: 1 });
    heard.length = 0;
    network.lose('all');
    await world.clock.advance(5000);
    expect(heard).to.deep.equal([]);
  });

  it('is not told again by an owner that has let the shard go', async () => {
    const placement = view('n1', ['n1', 'n2']);
    world = createWorld(false);
    const store = { lastSeen: async () => null, writeSeen: async () => {} };
    node = await startNode(world, 'n1', {
      kinds: [anyKind(userKind(store, times))],
      bus: network,
      placement,
    });
    await tell('connect');
    placement.owner = () => 'n2';
    node.host.placementChanged();
    await world.clock.advance(1000);
    expect(node.host.stats().actors).to.deep.equal({ user: 0 });
    heard.length = 0;
    network.lose('all');
    await world.clock.advance(5000);
    expect(heard).to.deep.equal([]);
  });
});
