import { expect } from 'chai';
import fc from 'fast-check';
import { anyKind } from '../../../actors/runtime/kind.ts';
import { userKind } from '../../../actors/user/kind.ts';
import type { UserStore } from '../../../actors/user/store.ts';
import type { Presence } from '../../../schemas/frames/server.ts';
import { subjects } from '../../../schemas/subjects.ts';
import type { UserCommand } from '../../../schemas/user/commands.ts';
import type { MemoryTx } from '../../support/memory-flush-store.ts';
import { createNode, createWorld, type Node, records, type World } from '../../support/runtime-harness.ts';
import { settled } from '../../support/virtual-clock.ts';

const times = { graceMs: 10_000, pingMs: 60_000 };
const ann = 'ann';

describe('presence', () => {
  let world: World;
  let node: Node;
  let seen: Map<string, string>;
  let told: Presence[];
  let settling: Promise<void> | undefined;

  async function start(exclusive = true): Promise<void> {
    world = createWorld(exclusive);
    seen = new Map();
    told = [];
    settling = undefined;
    const store: UserStore<MemoryTx> = {
      lastSeen: async (id) => seen.get(id) ?? null,
      writeSeen: async (tx, marks) =>
        tx.later(() => void marks.forEach(({ id, mark }) => void seen.set(id, mark.at))),
    };
    node = createNode(world, {
      kinds: [anyKind(userKind(store, times, () => settling))],
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

  it('ends after the grace for who had sockets on a lost gateway and nowhere else', async () => {
    await connect('c1');
    await connect('c2');
    await tell({ type: 'gateway.gone', gateway: 'g' });
    await world.clock.advance(60_000);
    expect(await online()).to.equal(true);
    await tell({ type: 'gateway.gone', gateway: 'g1' });
    const left = new Date(world.clock.now()).toISOString();
    await world.clock.advance(times.graceMs - 1);
    expect(told.map((one) => one.online)).to.deep.equal([true]);
    await world.clock.advance(2);
    expect(told.map((one) => one.online)).to.deep.equal([true, false]);
    expect(told[1]?.last_seen_at).to.equal(left);
  });

  it('counts the sockets of other gateways whichever of them are lost', async () => {
    const step = fc.record({
      type: fc.constantFrom('connect', 'disconnect', 'gateway.gone'),
      gateway: fc.constantFrom('g', 'g1', 'g2'),
      connection: fc.constantFrom('c1', 'c2'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        await start();
        const open = new Set<string>();
        for (const { type, gateway, connection } of steps) {
          const name = `${gateway}/${connection}`;
          if (type === 'gateway.gone') {
            for (const one of [...open]) if (one.startsWith(`${gateway}/`)) open.delete(one);
            await tell({ type, gateway });
          } else if (type === 'connect') {
            open.add(name);
            await tell({ type, gateway, connection });
          } else {
            open.delete(name);
            await tell({ type: 'disconnect', gateway, connection });
          }
          await world.clock.advance(times.graceMs + 1);
          expect(await online()).to.equal(open.size > 0);
          expect(told.at(-1)?.online ?? false).to.equal(open.size > 0);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('ends for watchers too when a socket closes that only the owner before had heard of', async () => {
    await disconnect('c1');
    const left = new Date(world.clock.now()).toISOString();
    expect(await online()).to.equal(true);
    await world.clock.advance(times.graceMs + 1);
    expect(told).to.deep.equal([{ type: 'presence', user_id: ann, online: false, last_seen_at: left }]);
    await disconnect('c1');
    expect(await online()).to.equal(false);
  });

  it('is told to every user in memory, slice by slice, and wakes nobody', async () => {
    const ids = Array.from({ length: 1200 }, (_, n) => `user-${n}`);
    const ask = (id: string, command: UserCommand) =>
      node.host.ask({ kind: 'user', id, commands: [command], budgetMs: 60_000 });
    await Promise.all(ids.map((id) => ask(id, { type: 'connect', gateway: 'g1', connection: 'c1' })));
    let asked = 0;
    let slices = 0;
    const telling = node.host.tellAll('user', { type: 'gateway.gone', gateway: 'g1' }, () => {
      slices++;
      return true;
    });
    // Others have their turns between two slices.
    await settled();
    await ask('somebody', { type: 'presence.get' }).then(() => asked++);
    expect({ asked, slices }).to.deep.equal({ asked: 1, slices: 1 });
    await world.clock.advance(10);
    await telling;
    expect(slices).to.equal(3);
    expect(node.host.stats().actors.user).to.equal(ids.length + 1);
    await world.clock.advance(times.graceMs + 5);
    const answers = await Promise.all(ids.map((id) => ask(id, { type: 'presence.get' })));
    expect(answers.filter(([result]) => (result as { reply: Presence }).reply.online)).to.deep.equal([]);
  });

  it('is told no further once that is not so any more', async () => {
    const ids = Array.from({ length: 1200 }, (_, n) => `user-${n}`);
    const tellEach = (command: UserCommand) =>
      Promise.all(
        ids.map((id) => node.host.ask({ kind: 'user', id, commands: [command], budgetMs: 60_000 })),
      );
    await tellEach({ type: 'connect', gateway: 'g1', connection: 'c1' });
    let left = 1;
    const telling = node.host.tellAll('user', { type: 'gateway.gone', gateway: 'g1' }, () => left-- > 0);
    await world.clock.advance(times.graceMs + 5);
    await telling;
    const answers = await tellEach({ type: 'presence.get' });
    const gone = answers.filter(([result]) => !(result as { reply: Presence }).reply.online);
    expect(gone).to.have.length(500);
  });

  it('is told again to whom had no room for it', async () => {
    await start(false);
    await connect('c1');
    // A read is refused where the journal does not say whose the user is; then the turn is taken once more.
    let away = true;
    node.journal.beforeNewest = async () => {
      if (away) throw new Error('no connection');
    };
    await world.clock.advance(3000);
    let rounds = 0;
    const telling = node.host.tellAll('user', { type: 'gateway.gone', gateway: 'g2' }, () => ++rounds > 0);
    await world.clock.advance(2500);
    away = false;
    await world.clock.advance(2500);
    await telling;
    expect(rounds).to.be.greaterThan(1);
    expect(await online()).to.equal(true);
  });

  it('is not called off before gateways had their time to announce who is online to a new owner', async () => {
    let arrive = () => {};
    settling = new Promise<void>((resolve) => {
      arrive = () => {
        settling = undefined;
        resolve();
      };
    });
    const asked = [online(), online()];
    await connect('c1');
    expect(await online()).to.equal(true);
    arrive();
    expect(await Promise.all(asked)).to.deep.equal([true, true]);
    await disconnect('c1');
    await world.clock.advance(times.graceMs + 1);
    expect(await online()).to.equal(false);
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

  it('is told in the order of its turns, whenever the journal says again whose the user is', async () => {
    for (const cameBack of [60, 500, 1200, 1500, 1900])
      for (const answered of [20, 300, 700, 1600, 2500]) {
        await start(false);
        await connect('c1');
        await disconnect('c1');
        await world.clock.advance(times.graceMs - 5);
        let away = true;
        node.journal.beforeNewest = async () => {
          if (away) throw new Error('no connection');
        };
        await world.clock.advance(5 + cameBack);
        const back = connect('c2');
        await world.clock.advance(answered);
        expect(told.map((one) => one.online)).to.deep.equal([true]);
        away = false;
        await world.clock.advance(2500);
        expect(
          told.map((one) => one.online),
          `back after ${cameBack} ms, answered ${answered} ms later`,
        ).to.deep.equal([true, false, true]);
        expect((await back).online).to.equal(true);
      }
  });
});
