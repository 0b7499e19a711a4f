import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects, type WantedConnections } from '../../../schemas/subjects.ts';
import { until } from '../../support/until.ts';
import { connectReady } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';

const shards = 4;

describe('gateway: connections that their user actors may lack', () => {
  let test: GatewayTest;
  beforeEach(async () => {
    test = await startGateway({ shards, hurry: 10 });
  });
  afterEach(() => test.stop());

  const want = (wish: WantedConnections) => test.bus.publish(subjects.wanted, { frame: '', note: wish });

  /** What the user's actor was told, in order. */
  const toldOf = (user: string) =>
    test.asked.filter(({ kind, id }) => kind === 'user' && id === user).map((ask) => ask.commands[0]?.type);

  function userIn(shard: number): string {
    for (;;) {
      const id = newId();
      if (shardOf('user', id, shards) === shard) return id;
    }
  }

  it('are announced again, those of the shards that began anew', async () => {
    const [there, elsewhere] = [userIn(1), userIn(2)];
    const client = await connectReady(test, there);
    await connectReady(test, elsewhere);
    want({ id: 'w1', shards: [1] });
    await until('the announcement', () => toldOf(there).length === 2);
    expect(test.asked.at(-1)?.commands).to.deep.equal([
      { type: 'connect', gateway: 'gateway-under-test', connection: client.frames[0]?.connection_id },
    ]);
    want({ id: 'w2', gateway: 'gateway-under-test' });
    await until('both', () => toldOf(there).length === 3 && toldOf(elsewhere).length === 2);
  });

  it('stay announced no longer than they are open, however long the announcement takes', async () => {
    const user = newId();
    const client = await connectReady(test, user);
    let announced: (() => void) | undefined;
    test.actors.answer = (_, id, commands) => {
      if (id !== user || announced !== undefined) return undefined;
      return new Promise((resolve) => {
        announced = () => resolve(commands.map(() => ({ reply: {} })));
      });
    };
    want({ id: 'w1', gateway: 'gateway-under-test' });
    await until('the announcement', () => announced);
    client.ws.close();
    await until('the close', () => client.closed);
    // Somebody else comes and goes meanwhile, and is told at once.
    const other = newId();
    (await connectReady(test, other)).ws.close();
    await until('the other', () => toldOf(other).length === 2);
    expect(toldOf(user)).to.deep.equal(['connect', 'connect']);
    announced?.();
    await until('the end', () => toldOf(user).length === 3);
    expect(toldOf(user)).to.deep.equal(['connect', 'connect', 'disconnect']);
  });

  it('are announced again also while they are announced for the first time', async () => {
    const user = newId();
    let first: (() => void) | undefined;
    test.actors.answer = (_, id, commands) => {
      if (id !== user || first !== undefined) return undefined;
      return new Promise((resolve) => {
        first = () => resolve(commands.map(() => ({ reply: {} })));
      });
    };
    await connectReady(test, user);
    const other = newId();
    await connectReady(test, other);
    want({ id: 'w1', gateway: 'gateway-under-test' });
    await until('the pass', () => toldOf(other).length === 2);
    expect(toldOf(user)).to.deep.equal(['connect']);
    first?.();
    await until('the second', () => toldOf(user).length === 2);
    expect(toldOf(user)).to.deep.equal(['connect', 'connect']);
  });

  it('and who is offline is told to those who watch, once all gateways had their time', async () => {
    const [away, there, unknown, elsewhere] = [userIn(1), userIn(1), userIn(1), userIn(2)];
    const asked = new Set<string>();
    test.actors.answer = (kind, id, commands) => {
      if (kind !== 'user' || (commands[0] as { type: string }).type !== 'presence.get') return undefined;
      asked.add(id);
      if (id === unknown) throw fail('unavailable');
      return commands.map(() => ({ reply: { user_id: id, online: id === there, last_seen_at: null } }));
    };
    const client = await connectReady(test, newId());
    const user_ids = [away, there, unknown, elsewhere];
    await client.request({ id: '1', type: 'presence.watch', user_ids });
    asked.clear();
    want({ id: 'w1', shards: [1] });
    await client.event('presence');
    await client.request({ id: '2', type: 'ping' });
    const told = client.frames.filter(({ type }) => type === 'presence');
    expect(told).to.deep.equal([{ type: 'presence', user_id: away, online: false, last_seen_at: null }]);
    expect([...asked]).to.have.members([away, there, unknown]);
  });

  it('are told of until their end is heard', async () => {
    const user = newId();
    const client = await connectReady(test, user);
    test.actors.answer = () => {
      throw fail('unavailable');
    };
    client.ws.close();
    await until('two tries', () => toldOf(user).length === 3);
    test.actors.answer = () => undefined;
    await until('the third', () => toldOf(user).length === 4);
    expect(toldOf(user)).to.deep.equal(['connect', 'disconnect', 'disconnect', 'disconnect']);
  });
});
