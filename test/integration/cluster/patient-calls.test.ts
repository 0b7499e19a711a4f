import { expect } from 'chai';
import { type Broker, createBroker, createCall, defineService } from '../../../ops/broker/broker.ts';
import { createPatientCalls, offersOf, type PatientCalls } from '../../../ops/broker/patient-call.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { createLogger } from '../../../ops/telemetry/logger.ts';
import { startNats, type TestServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const requestTimeoutMs = 10_000;

/** Two brokers over a real NATS; one of them is a service's only node. */
describe('calls of a service whose only node is away', () => {
  let nats: TestServer;
  let near: Broker;
  let calls: PatientCalls;
  const brokers: Broker[] = [];

  before(async () => {
    nats = await startNats();
    near = await start('near');
    calls = createPatientCalls({
      call: createCall(near),
      offers: offersOf(near),
      clock: systemClock,
      random: Math.random,
      budgetMs: requestTimeoutMs,
      most: 100,
    });
  });
  after(async () => {
    calls.close();
    for (const broker of brokers) await broker.stop();
    await nats.stop();
  });

  async function start(nodeId: string, done?: (n: number) => void): Promise<Broker> {
    const broker = createBroker({
      nodeId,
      logger: createLogger('silent'),
      requestTimeoutMs,
      natsUrl: nats.url,
    });
    brokers.push(broker);
    if (done !== undefined)
      broker.createService(
        defineService('sums', {
          async next({ n }: { n: number }) {
            done(n);
            return n + 1;
          },
        }),
      );
    await broker.start();
    return broker;
  }

  it('wait for the first one, and for each that follows; none fails, and none is made twice', async () => {
    const done: number[] = [];
    const node = (name: string) => start(name, (n) => void done.push(n));
    let asked = 0;
    let over = false;
    async function askOn(): Promise<void> {
      while (!over) {
        const n = ++asked;
        expect(await calls.call('sums.next', { n }, { request_id: `r-${n}` })).to.equal(n + 1);
      }
    }
    const asking = Promise.all([askOn(), askOn(), askOn(), askOn()]);
    const advanced = () => {
      const before = done.length;
      return until('more calls', () => done.length > before + 50);
    };
    await until('all to wait', () => calls.waiting() === 4);
    for (const name of ['first', 'second', 'third']) {
      const serving = await node(name);
      await Promise.race([advanced(), asking]);
      await serving.stop();
      await Promise.race([until('all to wait', () => calls.waiting() === 4), asking]);
    }
    over = true;
    const last = await node('last');
    await asking;
    await last.stop();
    expect(done.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: asked }, (_, n) => n + 1));
    expect(calls.waiting()).to.equal(0);
  });

  it('are not lost where NATS hangs while the node leaves', async () => {
    const done: number[] = [];
    let over = false;
    let asked = 0;
    async function askOn(): Promise<void> {
      while (!over) {
        const n = ++asked;
        expect(await calls.call('sums.next', { n }, { request_id: `h-${n}` })).to.equal(n + 1);
      }
    }
    const asking = Promise.all(Array.from({ length: 20 }, askOn));
    for (let round = 0; round < 3; round++) {
      const before = done.length;
      const serving = await start(`leaves-${round}`, (n) => void done.push(n));
      await Promise.race([until('calls', () => done.length > before + 50), asking]);
      await nats.pause();
      const stopped = serving.stop();
      // Longer than a node that leaves listens to what was sent to it before others knew.
      await new Promise((resolve) => setTimeout(resolve, 300));
      nats.resume();
      await stopped;
      await Promise.race([until('all to wait', () => calls.waiting() === 20), asking]);
    }
    over = true;
    const last = await start('stays', (n) => void done.push(n));
    await asking;
    await last.stop();
    expect(done.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: asked }, (_, n) => n + 1));
  });

  it('wait while NATS is away, and are made when it is back', async () => {
    const done: number[] = [];
    await start('across', (n) => void done.push(n));
    await calls.call('sums.next', { n: 1 }, { request_id: 'r-1' });
    await nats.kill();
    const offers = offersOf(near);
    await until('the loss', () => !offers.has('sums.next'));
    const waits = calls.call('sums.next', { n: 2 }, { request_id: 'r-2' });
    await until('it to wait', () => calls.waiting() === 1);
    await nats.start();
    expect(await waits).to.equal(3);
    expect(done).to.deep.equal([1, 2]);
  });
});
