import { expect } from 'chai';
import { JournalError } from '../../../actors/journal/journal.ts';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { ledgerKind } from '../../support/ledger-kind.ts';
import { createLossyBus, lost } from '../../support/lossy-bus.ts';
import {
  createNode,
  createWorld,
  failSteps,
  type NodeOptions,
  records,
  view,
  type World,
} from '../../support/runtime-harness.ts';

/** An owner that dies tells no heads any more: the next one does, of what was flushed and may not have been told. */
describe('heads that a dead owner left untold', () => {
  let world: World;

  beforeEach(() => {
    world = createWorld(false);
  });

  function make(name: string, options: NodeOptions = {}) {
    const network = createLossyBus(createLocalBus());
    const node = createNode(world, { node: name, placement: view(name, [name]), bus: network, ...options });
    const published = () => network.published.map(({ subject, envelope }) => ({ subject, ...envelope.chat }));
    return {
      ...node,
      network,
      /** Frames, not beacons. */
      told: () => published().filter(({ head_age_ms }) => head_age_ms === undefined),
      heads: () =>
        published()
          .filter(({ head_age_ms }) => head_age_ms !== undefined)
          .map(({ subject, seq }) => `${subject} ${seq}`),
      ages: () => published().map(({ head_age_ms }) => head_age_ms),
      /** Nothing of it comes to anybody from now on. */
      kill() {
        node.store.end();
        network.network = () => lost;
      },
    };
  }

  /** What it commits is flushed at once, its frames are lost, and it dies before its beacons leave. */
  async function diesUntold(name: string, ids: readonly string[], options: NodeOptions = {}) {
    const node = make(name, options);
    node.network.network = () => lost;
    await node.start();
    await world.clock.advance(2000);
    for (const id of ids) await node.put(id, name);
    await world.clock.advance(200);
    expect(world.table.of(ids[0] as string), 'is flushed').to.include.keys(1);
    node.kill();
    return node;
  }

  /** Claims, and waits out the owner before. */
  async function takeOver(name: string, options: NodeOptions = {}) {
    const node = make(name, options);
    await node.start();
    await world.clock.advance(1500);
    return node;
  }

  it('are told by the next one, without their frames', async () => {
    await diesUntold('n1', ['a', 'b']);
    const two = await takeOver('n2');
    await world.clock.advance(1000);
    expect(two.heads()).to.have.members(['ledger.a 1', 'ledger.b 1']);
    expect(two.told()).to.deep.equal([]);
    // Nobody who came after the claim has missed it.
    expect(Math.min(...two.ages().map((age) => age ?? 0))).to.be.at.least(2000);
  });

  it('are none after a release', async () => {
    const one = make('n1');
    await one.start();
    await one.put('a', 'k1');
    const drained = one.host.drain(5000);
    await world.clock.advance(5000);
    await drained;
    expect(records(world).at(-1)).to.include({ type: 'release' });
    expect(one.heads()).to.deep.equal(['ledger.a 1']);
    const two = await takeOver('n2');
    await world.clock.advance(60_000);
    expect(two.heads()).to.deep.equal([]);
  });

  it('are only those of its last seconds', async () => {
    // It would trim, were it not dead.
    const one = make('n1', { options: { trimBehindMs: 3_600_000 } });
    await one.start();
    for (const id of ['old', 'older']) await one.put(id, 'k');
    for (let n = 0; n < 20; n++) {
      await world.clock.advance(1000);
      await one.put('busy', `${n}`);
    }
    await one.put('last', 'k');
    await world.clock.advance(200);
    one.kill();
    // However long after.
    await world.clock.advance(600_000);
    const two = await takeOver('n2');
    await world.clock.advance(1000);
    expect(two.heads()).to.have.members(['ledger.busy 20', 'ledger.last 1']);
  });

  it('are told by the third, where the second dies as well', async () => {
    await diesUntold('n1', ['a']);
    const two = await takeOver('n2');
    await two.put('b', 'k');
    await world.clock.advance(200);
    two.kill();
    const three = await takeOver('n3');
    await world.clock.advance(1000);
    expect(three.heads()).to.include.members(['ledger.a 1', 'ledger.b 1']);
  });

  it('are told after the release of one that claimed and could not begin', async () => {
    await diesUntold('n1', ['a']);
    let belongs = 'n2';
    const placement = { ...view('n2', ['n2']), owner: () => belongs };
    const two = make('n2', { placement, step: failSteps(new Map([['claim', 1]])) });
    await two.start();
    belongs = 'n3';
    const released = two.host.release(0);
    await world.clock.advance(1500);
    expect(await released).to.equal(true);
    expect(records(world).map(({ type, node }) => `${type} ${node}`)).to.deep.equal([
      'claim n1',
      'batch n1',
      'claim n2',
      'release n2',
    ]);
    const three = await takeOver('n3');
    await world.clock.advance(1000);
    expect(three.heads()).to.deep.equal(['ledger.a 1']);
  });

  it('are those of a replayed tail too, where the one that replays it dies', async () => {
    const one = make('n1');
    await one.start();
    await one.put('a', 'k1');
    await world.clock.advance(10_000);
    one.store.end();
    await one.put('a', 'k2');
    one.kill();
    const two = await takeOver('n2');
    await two.put('b', 'k');
    expect(two.told().map(({ subject }) => subject)).to.include('ledger.a');
    await world.clock.advance(200);
    two.kill();
    const three = await takeOver('n3');
    await world.clock.advance(1000);
    expect(three.heads()).to.have.members(['ledger.a 2', 'ledger.b 1']);
  });

  it('are told on every subject that the frames went to', async () => {
    const ledger = ledgerKind(world.table);
    const kinds = [
      anyKind({
        ...ledger,
        frames: (id, event) =>
          ['user.ann', 'user.bob'].map((subject) => ({
            subject,
            envelope: { frame: 'said', chat: { id, seq: event.seq, member_seq: 1 } },
          })),
      }),
    ];
    await diesUntold('n1', ['p'], { kinds });
    const two = await takeOver('n2', { kinds });
    await world.clock.advance(1000);
    expect(two.heads()).to.deep.equal(['user.ann 1', 'user.bob 1']);
  });

  it('keep nobody waiting, and are read again while the journal does not answer', async () => {
    await diesUntold('n1', ['a']);
    const two = make('n2');
    const { read } = two.journal;
    let failures = 0;
    two.journal.read = async (...page) => {
      // After the checkpoint there is the claim alone.
      const found = await read.apply(two.journal, page);
      if (page[2] === 1 || found.length < 2 || failures === 3) return found;
      failures++;
      throw new JournalError('in_doubt', 'no answer');
    };
    await two.start();
    await world.clock.advance(1100);
    expect(two.host.stats().shards).to.include({ serving: 1 });
    expect(two.heads()).to.deep.equal([]);
    await world.clock.advance(10_000);
    expect(failures).to.equal(3);
    expect(two.heads()).to.include('ledger.a 1');
  });

  it('are left where the journal has forgotten them', async () => {
    await diesUntold('n1', ['a', 'b']);
    await world.memory.trim(0, (world.memory.records(0).at(-1)?.position ?? 0) - 1);
    const two = await takeOver('n2');
    await world.clock.advance(1000);
    expect(two.host.stats().shards).to.include({ serving: 1 });
    expect(two.heads()).to.have.members(['ledger.b 1']);
  });
});
