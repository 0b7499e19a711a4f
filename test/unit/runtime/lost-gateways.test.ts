import { expect } from 'chai';
import { followGateways } from '../../../actors/user/lost-gateways.ts';
import { createWanted } from '../../../actors/user/wanted.ts';
import type { Member } from '../../../ops/broker/membership.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { subjects, type WantedConnections } from '../../../schemas/subjects.ts';
import { settled, VirtualClock } from '../../support/virtual-clock.ts';

const budgetMs = 5000;

describe('lost gateways', () => {
  let clock: VirtualClock;
  let members: Member[];
  let changed: () => void;
  /** Gateways that user actors were told of, and whether each telling is still true now. */
  let told: { gateway: string; still: () => boolean }[];
  let wanted: string[];
  let end: () => void;

  const gateway = (id: string, draining = false): Member => ({ id, roles: ['gateway'], draining });
  const actors = (id: string): Member => ({ id, roles: ['actors'], draining: false });
  const gone = () => told.map((one) => one.gateway);

  beforeEach(() => {
    clock = new VirtualClock();
    members = [];
    changed = () => {};
    told = [];
    wanted = [];
    end = followGateways({
      membership: {
        members: () => members,
        onChange(listener) {
          changed = listener;
          return () => {
            changed = () => {};
          };
        },
      },
      async tellAll(command, still) {
        if (command.type === 'gateway.gone') told.push({ gateway: command.gateway, still });
      },
      wanted: { gateway: (name) => void wanted.push(name) },
      clock,
      budgetMs,
    });
  });

  function live(...now: Member[]): void {
    members = now;
    changed();
  }

  it('are told to user actors when they leave, and once more for what was under way', async () => {
    live(gateway('g1'), gateway('g2'), actors('a1'));
    live(gateway('g2'));
    expect(gone()).to.deep.equal(['g1']);
    await settled();
    await clock.advance(budgetMs - 1);
    expect(gone()).to.deep.equal(['g1']);
    await clock.advance(2);
    expect(gone()).to.deep.equal(['g1', 'g1']);
    await clock.advance(60_000);
    expect(gone()).to.deep.equal(['g1', 'g1']);
    expect(wanted).to.deep.equal([]);
  });

  it('are those that left, not those that drain', async () => {
    live(gateway('g1'));
    live(gateway('g1', true));
    await clock.advance(60_000);
    expect(gone()).to.deep.equal([]);
    live();
    expect(gone()).to.deep.equal(['g1']);
  });

  it('announce everything again when they are back, and the telling of their loss ends there', async () => {
    live(gateway('g1'));
    live();
    expect(told[0]?.still()).to.equal(true);
    live({ id: 'g1', roles: [], draining: false });
    expect(wanted, 'what it does is not known yet').to.deep.equal([]);
    live(gateway('g1'));
    expect(wanted).to.deep.equal(['g1']);
    expect(told[0]?.still()).to.equal(false);
    await clock.advance(60_000);
    expect(gone()).to.deep.equal(['g1']);
  });

  it('may be lost again before the first loss was told to the end', async () => {
    live(gateway('g1'));
    live();
    live(gateway('g1'));
    live();
    expect(told.map((one) => one.still())).to.deep.equal([false, true]);
    live(gateway('g1'));
    expect(wanted).to.deep.equal(['g1', 'g1']);
  });

  it('are nobody’s business after the end', async () => {
    live(gateway('g1'));
    live();
    end();
    expect(told[0]?.still()).to.equal(false);
    await clock.advance(60_000);
    expect(gone()).to.deep.equal(['g1']);
  });
});

describe('connections that owners want to hear of again', () => {
  it('are asked for a few times, shards that come together at once, each wish under one id', async () => {
    const clock = new VirtualClock();
    const bus = createLocalBus();
    const heard: WantedConnections[] = [];
    bus.subscribe(subjects.wanted, ({ note }) => void heard.push(note as WantedConnections));
    const wanted = createWanted({ node: 'a1', bus, clock });
    wanted.shard(3);
    wanted.shard(5);
    await clock.advance(1000);
    wanted.shard(7);
    wanted.gateway('g1');
    await clock.advance(60_000);
    const first = { id: 'a1/1', shards: [3, 5] };
    const [second, third] = [
      { id: 'a1/2', gateway: 'g1' },
      { id: 'a1/3', shards: [7] },
    ];
    expect(heard).to.deep.equal([first, second, third, first, second, third, first, second, third]);
    wanted.shard(1);
    expect([wanted.settling(1), wanted.settling(7)].map(Boolean)).to.deep.equal([true, false]);
    wanted.close();
    await clock.advance(60_000);
    expect(heard).to.have.length(9);
  });
});
