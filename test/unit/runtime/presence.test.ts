import { expect } from 'chai';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { userKind } from '../../../actors/user/kind.ts';
import type { UserStore } from '../../../actors/user/store.ts';
import type { Presence } from '../../../schemas/frames/server.ts';
import { subjects } from '../../../schemas/subjects.ts';
import type { UserCommand } from '../../../schemas/user/commands.ts';
import type { MemoryTx } from '../../support/memory-flush-store.ts';
import { createNode, createWorld, type Node, records, type World } from '../../support/runtime-harness.ts';

const times = { graceMs: 10_000, pingMs: 60_000 };
const ann = 'ann';

describe('presence', () => {
  let world: World;
  let node: Node;
  let seen: Map<string, string>;
  let told: Presence[];

  async function start(exclusive = true): Promise<void> {
    world = createWorld(exclusive);
    seen = new Map();
    told = [];
    const store: UserStore<MemoryTx> = {
      lastSeen: async (id) => seen.get(id) ?? null,
      writeSeen: async (tx, marks) =>
        tx.later(() => void marks.forEach(({ id, mark }) => void seen.set(id, mark.at))),
    };
    node = createNode(world, {
      kinds: [anyKind(userKind(store, times))],
      options: { idleMs: 5000, sweepMs: 500, refenceMs: 600_000 },
    });
    node.bus.subscribe(subjects.presence(ann), ({ frame }) => void told.push(JSON.parse(String(frame))));
    await node.start();
  }

  beforeEach(() => start());

  async function tell(command: UserCommand): Promise<Presence> {
    const asked = node.host.ask({ kind: 'user', id: ann, commands: [command], budgetMs: 60_000 });
    const [result] = await asked;
    if (result === undefined || 'refusal' in result) throw new Error('refused');
    return result.reply as Presence;
  }

  const connect = (connection: string) => tell({ type: 'connect', gateway: 'g1', connection });
  const disconnect = (connection: string) => tell({ type: 'disconnect', gateway: 'g1', connection });
  const online = async () => (await tell({ type: 'presence.get' })).online;

  it('is told when the first socket opens and when the grace after the last has passed', async () => {
    await connect('c1');
    await connect('c2');
    await disconnect('c1');
    await world.clock.advance(60_000);
    expect(told.map((one) => one.online)).to.deep.equal([true]);
    await disconnect('c2');
    const left = new Date(world.clock.now()).toISOString();
    await world.clock.advance(times.graceMs - 1);
    expect(await online()).to.equal(true);
    await world.clock.advance(2);
    expect(told.map((one) => one.online)).to.deep.equal([true, false]);
    expect(told[1]?.last_seen_at).to.equal(left);
  });

  it('is not told of a socket that comes back within the grace', async () => {
    await connect('c1');
    await disconnect('c1');
    await world.clock.advance(5000);
    await connect('c2');
    await world.clock.advance(60_000);
    expect(told.map((one) => one.online)).to.deep.equal([true]);
  });

  it('lasts as long as a ping counts for who has no socket', async () => {
    await tell({ type: 'presence.ping' });
    await world.clock.advance(times.pingMs - 1);
    expect(await online()).to.equal(true);
    await world.clock.advance(2);
    expect(await online()).to.equal(false);
  });

  it('counts a socket once, however often it says that it is gone', async () => {
    await connect('c1');
    await connect('c2');
    await disconnect('c1');
    await disconnect('c1');
    await world.clock.advance(60_000);
    expect(await online()).to.equal(true);
  });

  it('keeps who is online in memory, writes when they were last seen, and is journaled nowhere', async () => {
    await connect('c1');
    await world.clock.advance(60_000);
    expect(node.host.stats().actors).to.deep.equal({ user: 1 });
    await disconnect('c1');
    const left = new Date(world.clock.now()).toISOString();
    await world.clock.advance(60_000);
    expect(node.host.stats().actors).to.deep.equal({ user: 0 });
    expect(seen.get(ann)).to.equal(left);
    expect(await tell({ type: 'presence.get' })).to.deep.equal({
      user_id: ann,
      online: false,
      last_seen_at: left,
    });
    expect(records(world).map(({ type }) => type)).to.deep.equal(['claim']);
  });

  it('is told late rather than never where the journal does not say at once whose the user is', async () => {
    await start(false);
    await connect('c1');
    await disconnect('c1');
    let away = true;
    node.journal.beforeNewest = async () => {
      if (away) throw new Error('no connection');
    };
    await world.clock.advance(times.graceMs + 5000);
    expect(told.map((one) => one.online)).to.deep.equal([true]);
    away = false;
    await world.clock.advance(5000);
    expect(told.map((one) => one.online)).to.deep.equal([true, false]);
    expect(seen.has(ann)).to.equal(true);
  });
});
