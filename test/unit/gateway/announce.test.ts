import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
import { createAnnouncer } from '../../../gateway/announce.ts';
import type { Connection } from '../../../gateway/websocket/connection.ts';
import type { BusLoss } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { subjects, type WantedConnections } from '../../../schemas/subjects.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const shards = 8;

describe('announcing connections again', () => {
  let clock: VirtualClock;
  let connections: Set<Connection>;
  /** The connections announced, in order. */
  let announced: Connection[];
  /** What telling the user's actor of a connection brings. */
  let answer: (connection: Connection) => Promise<boolean>;
  let lose: (loss: BusLoss) => void;
  let end: () => void;
  let bus: ReturnType<typeof createLocalBus>;

  beforeEach(() => {
    clock = new VirtualClock();
    connections = new Set();
    announced = [];
    answer = async () => true;
    bus = createLocalBus();
    end = createAnnouncer({
      gateway: 'g1',
      shards,
      connections,
      announce(connection) {
        announced.push(connection);
        return answer(connection);
      },
      wanted() {},
      bus: {
        subscribe: bus.subscribe,
        onLoss(listener) {
          lose = listener;
          return () => {};
        },
      },
      clock,
    });
  });

  /** So many users with one connection each. */
  function people(count: number): Connection[] {
    const made = Array.from({ length: count }, (_, n) => {
      return { id: `c${n}`, user: { id: `user-${n}` }, state: 'ready' } as Connection;
    });
    for (const connection of made) connections.add(connection);
    return made;
  }

  const shard = ({ user }: Connection) => shardOf('user', user?.id ?? '', shards);
  const publish = (note: WantedConnections) => bus.publish(subjects.wanted, { frame: '', note });

  it('is of the shards that began anew, and of no others', async () => {
    const all = people(100);
    publish({ id: 'w1', shards: [2, 5] });
    await clock.advance(1000);
    expect(announced).to.deep.equal(all.filter((one) => shard(one) === 2 || shard(one) === 5));
  });

  it('is of all for a gateway that was believed to be gone, and after a broken link', async () => {
    const all = people(50);
    publish({ id: 'w1', gateway: 'g2' });
    lose('sent');
    await clock.advance(1000);
    expect(announced).to.deep.equal([]);
    publish({ id: 'w2', gateway: 'g1' });
    await clock.advance(1000);
    expect(announced).to.deep.equal(all);
    lose('all');
    await clock.advance(1000);
    expect(announced).to.have.length(100);
  });

  it('is once for a wish that is published again', async () => {
    people(50);
    const wish = { id: 'w1', gateway: 'g1' };
    publish(wish);
    await clock.advance(2000);
    publish(wish);
    await clock.advance(2000);
    expect(announced).to.have.length(50);
  });

  it('leaves out who is not authenticated, or has gone meanwhile', async () => {
    const [, gone] = people(3);
    connections.add({ id: 'nobody', user: undefined } as Connection);
    publish({ id: 'w1', gateway: 'g1' });
    connections.delete(gone as Connection);
    await clock.advance(1000);
    expect(announced.map(({ id }) => id)).to.deep.equal(['c0', 'c2']);
  });

  it('keeps a pace, with a bound on what is under way', async () => {
    people(5000);
    let open = 0;
    let most = 0;
    answer = async () => {
      most = Math.max(most, ++open);
      await new Promise<void>((resolve) => void clock.after(50, resolve));
      open--;
      return true;
    };
    publish({ id: 'w1', gateway: 'g1' });
    await clock.advance(1100);
    expect(announced.length).to.be.within(500, 2000);
    await clock.advance(8000);
    expect(announced).to.have.length(5000);
    expect(most).to.be.within(10, 100);
  });

  it('is repeated for a shard whose owner could not be told, for about a minute', async () => {
    const all = people(40);
    const failing = all.filter((one) => shard(one) === 1);
    let away = true;
    answer = async (connection) => !(away && shard(connection) === 1);
    publish({ id: 'w1', gateway: 'g1' });
    await clock.advance(10_000);
    const others = announced.filter((one) => shard(one) !== 1);
    expect(others).to.deep.equal(all.filter((one) => shard(one) !== 1));
    away = false;
    announced = [];
    await clock.advance(30_000);
    expect(announced).to.deep.equal(failing);
    away = true;
    publish({ id: 'w2', shards: [1] });
    await clock.advance(600_000);
    const tries = announced.length;
    await clock.advance(600_000);
    expect(announced).to.have.length(tries);
  });

  it('is of what was wanted while it went on, too', async () => {
    const all = people(1000);
    publish({ id: 'w1', shards: [1] });
    await clock.advance(110);
    publish({ id: 'w2', shards: [1, 2] });
    await clock.advance(5000);
    const of = (number: number) => all.filter((one) => shard(one) === number).length;
    expect(announced).to.have.length(2 * of(1) + of(2));
  });

  it('ends with the gateway', async () => {
    people(500);
    publish({ id: 'w1', gateway: 'g1' });
    await clock.advance(110);
    end();
    const before = announced.length;
    await clock.advance(5000);
    lose('all');
    publish({ id: 'w2', gateway: 'g1' });
    expect(announced.length).to.be.within(1, before + 40);
    await clock.advance(5000);
    expect(announced.length).to.be.lessThan(500);
  });
});
