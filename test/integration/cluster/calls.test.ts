import { expect } from 'chai';
import { createActors } from '../../../actors/client/actors.ts';
import { createShardMap } from '../../../actors/client/placement.ts';
import {
  type Broker,
  createBroker,
  createCall,
  createNodeCall,
  defineService,
  type NodeCall,
} from '../../../ops/broker/broker.ts';
import type { Call, CallMeta } from '../../../ops/broker/call.ts';
import { createMembership, type Membership } from '../../../ops/broker/membership.ts';
import { connectNats } from '../../../ops/connections/nats.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { createLogger } from '../../../ops/telemetry/logger.ts';
import { SuhbatError } from '../../../schemas/errors.ts';
import { type DistantNode, startDistantNode } from '../../support/distant-node.ts';
import { eventually } from '../../support/eventually.ts';
import { startNats, type TestServer } from '../../support/servers.ts';

const meta: CallMeta = { request_id: 'r-1', user_id: 'u-1' };
const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** The refusal that ended the call, and after how many milliseconds. */
async function refusalOf(promise: Promise<unknown>): Promise<{ code: string; reason?: string; ms: number }> {
  const began = performance.now();
  const error = await promise.then(
    (reply) => new Error(`it was answered: ${JSON.stringify(reply)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof SuhbatError) return { ...error.refusal, ms: performance.now() - began };
  throw error;
}

const farActions = ['far.echo', 'far.note', 'far.notes', 'far.refuse', 'far.bug', 'far.slow', 'far.hang'];

/** This process and others, over a real NATS. */
describe('calls between processes', () => {
  let nats: TestServer;
  let broker: Broker;
  let membership: Membership;
  let call: Call;
  let callNode: NodeCall;
  /** The same, but that they are joined. */
  let joined: NodeCall;
  let far: DistantNode;
  const others: DistantNode[] = [];
  let named = 0;

  before(async () => {
    nats = await startNats();
    broker = createBroker({
      nodeId: 'near',
      logger: createLogger('fatal'),
      requestTimeoutMs: 5000,
      natsUrl: nats.url,
      callsInFlight: 3,
    });
    membership = createMembership(broker);
    call = createCall(broker);
    callNode = createNodeCall(broker);
    joined = createNodeCall(broker, undefined, farActions);
    await broker.start();
    far = await startFar('far');
  });
  after(async () => {
    await Promise.all(others.map((one) => one.kill()));
    await broker.stop();
    await nats.stop();
  });

  const ids = () => membership.members().map(({ id }) => id);
  const rolesOf = (node: string) => membership.members().find(({ id }) => id === node)?.roles;

  async function startFar(node: string, namespace = ''): Promise<DistantNode> {
    const other = await startDistantNode({
      node,
      natsUrl: nats.url,
      namespace,
      roles: ['actors'],
      door: async (_action, _params, _budgetMs, trace) => [{ reply: { trace } }],
    });
    others.push(other);
    if (namespace === '') await eventually(() => rolesOf(node)?.includes('actors') ?? false);
    return other;
  }

  /** Does it with up to three nodes, of which one must take less: the others were held up by the machine. */
  async function oneOfThree(mostMs: number, take: (name: string) => Promise<number>): Promise<void> {
    const took: number[] = [];
    while (took.length < 3 && took.every((ms) => ms >= mostMs)) took.push(await take(`node-${++named}`));
    expect(Math.min(...took), `of ${took}`).to.be.lessThan(mostMs);
  }

  it('bring params and meta there, and the reply back', async () => {
    const sent = { ...meta, trace, budget_ms: 9000 };
    const { params, meta: arrived } = await call<{ params: object; meta: CallMeta }>(
      'far.echo',
      { a: 'ў' },
      sent,
    );
    expect(params).to.deep.equal({ a: 'ў' });
    expect(arrived).to.deep.equal(sent);
    expect(await joined('far', 'far.echo', { a: 'ў' }, sent)).to.deep.equal({
      params,
      meta: sent,
      by: 'far',
    });
  });

  it('bring the trace of a request to an actor, and none where it has none', async () => {
    const actors = createActors({
      callNode,
      map: createShardMap(1, ['far']),
      shards: 1,
      clock: systemClock,
      random: Math.random,
      budgetMs: 5000,
      observe() {},
    });
    expect(await actors.one('chat', 'c-1', {}, { trace })).to.deep.equal({ trace });
    const peeked = await actors.peek('chat', ['c-1'], {}, { trace });
    expect(peeked.get('c-1')).to.deep.equal({ reply: { trace } });
    expect(await actors.one('chat', 'c-1', {})).to.deep.equal({});
  });

  it('that are joined are each answered for itself, and not later than a slower one', async () => {
    const order: number[] = [];
    const calls = [300, 1, 150].map(async (ms) =>
      order.push(await joined<number>('far', 'far.slow', { ms }, meta)),
    );
    await Promise.all(calls);
    expect(order).to.deep.equal([1, 150, 300]);
  });

  it('that are joined are as large as NATS takes, and one that is larger is refused and takes none along', async () => {
    const echo = (length: number) =>
      joined<{ params: object }>('far', 'far.echo', { text: 'x'.repeat(length) }, meta);
    const together = [echo(300_000), echo(2_000_000), echo(300_000)];
    expect(await refusalOf(together[1] as Promise<unknown>)).to.include({ code: 'unavailable' });
    for (const at of [0, 2])
      expect(await together[at]).to.have.nested.property('params.text.length', 300_000);
  });

  it('bring a refusal back with everything that it says, and a bug as no refusal', async () => {
    expect(await refusalOf(call('far.refuse', {}, meta))).to.deep.include({
      code: 'conflict',
      reason: 'username_taken',
      detail: 'it is',
      retry_after_ms: 3,
    });
    const error = await call('far.bug', {}, meta).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(Error).and.not.instanceOf(SuhbatError);
    expect(await refusalOf(joined('far', 'far.refuse', {}, meta))).to.deep.include({
      code: 'conflict',
      reason: 'username_taken',
      detail: 'it is',
      retry_after_ms: 3,
    });
    expect(await refusalOf(joined('far', 'far.bug', {}, meta))).to.include({ code: 'internal' });
  });

  it('that are joined and end in a bug leave a line that names the request and its trace', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = createLogger('error', { write: (line: string) => lines.push(JSON.parse(line)) } as never);
    const [asker, owner] = ['asker', 'owner'].map((nodeId) =>
      createBroker({ nodeId, logger, requestTimeoutMs: 5000, natsUrl: nats.url, namespace: 'logged' }),
    ) as [Broker, Broker];
    const bug = () => Promise.reject(new TypeError('a bug'));
    owner.createService(defineService('far', { bug }));
    owner.joined?.serve({ 'far.bug': bug });
    await Promise.all([asker.start(), owner.start()]);
    const ask = createNodeCall(asker, undefined, farActions);
    const asked = () => refusalOf(ask('owner', 'far.bug', {}, { ...meta, trace }));
    await eventually(async () => (await asked()).code === 'internal').finally(() =>
      Promise.all([asker.stop(), owner.stop()]),
    );
    const named = lines.map(({ request_id, trace_id }) => ({ request_id, trace_id }));
    expect(named).to.deep.equal([{ request_id: 'r-1', trace_id: trace.slice(3, 35) }]);
  });

  it('are refused where the node does not exist, and where too many have no answer', async () => {
    expect(await refusalOf(callNode('nobody', 'far.echo', {}, meta))).to.include({ code: 'unavailable' });
    const open = [1, 2, 3].map(() => refusalOf(call('far.hang', {}, { ...meta, budget_ms: 400 })));
    expect(await refusalOf(call('far.echo', {}, meta))).to.include({
      code: 'unavailable',
      reason: 'overloaded',
    });
    for (const { code } of await Promise.all(open)) expect(code).to.equal('timeout');
    await call('far.echo', {}, meta);
    expect(await refusalOf(joined('nobody', 'far.echo', {}, meta))).to.include({ code: 'unavailable' });
    const hanging = [1, 2, 3].map(() =>
      refusalOf(joined('far', 'far.hang', {}, { ...meta, budget_ms: 400 })),
    );
    expect(await refusalOf(joined('far', 'far.echo', {}, meta))).to.include({ reason: 'overloaded' });
    for (const { code } of await Promise.all(hanging)) expect(code).to.equal('timeout');
    await joined('far', 'far.echo', {}, meta);
  });

  it('to a node that is killed end at once as of unknown outcome, and everybody learns it', async () => {
    // Who is merely quiet is looked for after 1.75 s, and missed after three.
    await oneOfThree(1700, async (name) => {
      const victim = await startFar(name);
      const hanging = [callNode, joined].map((way) =>
        refusalOf(way(name, 'far.hang', {}, { ...meta, budget_ms: 60_000 })),
      );
      const began = performance.now();
      await victim.kill();
      for (const { code } of await Promise.all(hanging)) expect(code).to.equal('timeout');
      await eventually(() => !ids().includes(name));
      await eventually(() => far.views.at(-1)?.every(({ id }) => id !== name) ?? false);
      expect(ids()).to.deep.equal(['far', 'near']);
      return performance.now() - began;
    });
  });

  it('to a node that is stopped end when it is missed, and are not carried out when it wakes', async () => {
    const views = far.views.length;
    await call('far.note', { text: 'before' }, meta);
    await far.pause();
    const late = [callNode, joined].map((way) =>
      refusalOf(way('far', 'far.note', { text: 'late' }, { ...meta, budget_ms: 700 })),
    );
    const missed = refusalOf(joined('far', 'far.hang', {}, { ...meta, budget_ms: 60_000 }));
    for (const { code } of await Promise.all(late)) expect(code).to.equal('timeout');
    const { code, ms } = await missed;
    expect(code).to.equal('timeout');
    // By silence, which a busy machine makes shorter, and longer; at once it would be by an answer of NATS.
    expect(ms).to.be.within(500, 6000);
    expect(ids()).to.not.include('far');
    far.resume();
    await eventually(() => rolesOf('far')?.includes('actors') ?? false);
    await call('far.note', { text: 'after' }, meta);
    expect(await call('far.notes', {}, meta)).to.deep.equal(['before', 'after']);
    // It slept for longer than anybody may be silent, and was wrong about nobody.
    expect(far.views.slice(views).filter((view) => view.every(({ id }) => id !== 'near'))).to.deep.equal([]);
  });

  it('wait for a node whose event loop was blocked, which then misses nobody', async () => {
    const views = far.views.length;
    await far.block(1800);
    const began = performance.now();
    await call('far.echo', {}, { ...meta, budget_ms: 15_000 });
    expect(performance.now() - began).to.be.greaterThan(1000);
    await far.block(8000);
    await eventually(() => !ids().includes('far'));
    await eventually(() => ids().includes('far'));
    await call('far.echo', {}, meta);
    expect(far.views.slice(views)).to.deep.equal([]);
  });

  it('never hang while NATS is away, and go on by themselves when it is back', async () => {
    await nats.pause();
    const unknown = await refusalOf(call('far.echo', {}, { ...meta, budget_ms: 500 }));
    expect(unknown.code).to.equal('timeout');
    expect(unknown.ms).to.be.within(400, 5000);
    const lost = [callNode, joined].map((way) =>
      refusalOf(way('far', 'far.hang', {}, { ...meta, budget_ms: 60_000 })),
    );
    await nats.kill();
    for (const ended of await Promise.all(lost)) {
      expect(ended.code).to.equal('timeout');
      expect(ended.ms).to.be.lessThan(5000);
    }
    for (const way of [callNode, joined]) {
      const refused = await refusalOf(way('far', 'far.echo', {}, meta));
      expect(refused.code).to.equal('unavailable');
      expect(refused.ms).to.be.lessThan(1000);
    }
    // Longer than a node may be silent: who hears nobody judges nobody.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect(ids()).to.deep.equal(['far', 'near']);
    await nats.start();
    await eventually(async () => (await call('far.echo', {}, { ...meta, budget_ms: 300 })) !== undefined);
    await joined('far', 'far.echo', {}, meta);
    expect(ids()).to.deep.equal(['far', 'near']);
  });

  it('that are joined go on where somebody sends what is none', async () => {
    const link = await connectNats({ url: nats.url, name: 'nobody' });
    for (const what of ['asks', 'answers'])
      for (const node of ['near', 'far'])
        for (const text of ['', '{', 'null', '["near",1]', '["near",null]', '["near",[1,"far.echo"]]'])
          link.connection.publish(`suhbat.${what}.${node}`, text);
    await link.connection.flush();
    await link.close();
    await joined('far', 'far.echo', {}, meta);
  });

  it('stay inside their namespace', async () => {
    await startFar('stranger', 'other');
    expect(ids()).to.deep.equal(['far', 'near']);
  });

  it('learn within milliseconds who drains and who leaves', async () => {
    // The next heartbeat would tell the first too, half a second later at the earliest, and silence the second after 1.75 s.
    await oneOfThree(450, async (name) => {
      const leaver = await startFar(name);
      const began = performance.now();
      leaver.say({ type: 'drain' });
      await eventually(() => membership.members().some(({ id, draining }) => id === name && draining));
      const tookMs = performance.now() - began;
      expect(rolesOf(name)).to.deep.equal(['actors']);
      await leaver.kill();
      await eventually(() => !ids().includes(name));
      return tookMs;
    });
    await oneOfThree(1000, async (name) => {
      const leaver = await startFar(name);
      const began = performance.now();
      leaver.say({ type: 'leave' });
      await eventually(() => !ids().includes(name));
      return performance.now() - began;
    });
  });

  it('learn with the next heartbeat what they were not told', async () => {
    far.say({ type: 'mumble' });
    await eventually(() => rolesOf('far')?.includes('mumbled') ?? false, 3000);
  });
});
