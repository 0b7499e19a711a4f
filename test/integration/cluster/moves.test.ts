import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { LedgerCluster, Trickle } from '../../support/ledger-cluster.ts';
import { type Pulse, startPulse } from '../../support/pulse.ts';
import { startNats, type TestServer } from '../../support/servers.ts';

/** NATS is away for so long. */
const awayMs = 700;
const ids = Array.from({ length: 24 }, (_, index) => `ledger-${index}`);

/** Actors on several nodes over a real NATS, while somebody writes to all of them all the time. */
describe('actors of a cluster', () => {
  let nats: TestServer;
  let cluster: LedgerCluster;
  let trickle: Trickle;
  let pulse: Pulse | undefined;

  before(async () => {
    nats = await startNats();
  });
  after(() => nats.stop());

  beforeEach(async () => {
    cluster = new LedgerCluster(nats.url);
    await cluster.start();
  });
  afterEach(async () => {
    await pulse?.end();
    pulse = undefined;
    await cluster.end();
  });

  async function begin(): Promise<void> {
    pulse = await startPulse(nats.url);
    trickle = new Trickle(cluster, ids);
    await trickle.goesOn();
  }

  /**
   * Ends the writing; everything that was acked must be there once, and nobody may have waited longer, not counting the
   * time in which the machine held everybody up.
   */
  async function finish(longestGapMs: number, survivors: string[]): Promise<void> {
    await cluster.settled(survivors);
    await trickle.goesOn();
    await trickle.end();
    // What the last owners have committed is flushed when they let go.
    await Promise.all(cluster.nodes.filter(({ node }) => survivors.includes(node)).map((one) => one.drain()));
    expect(trickle.complaints()).to.deep.equal([]);
    const gap = trickle.longestGap((from, to) => pulse?.heldUp(from, to) ?? 0);
    expect(gap, 'milliseconds without an ack').to.be.lessThan(longestGapMs);
  }

  it('move to nodes that join, and away from one that drains, and nobody waits for long', async () => {
    await cluster.join('n1');
    await begin();
    await cluster.join('n2');
    await cluster.settled(['n1', 'n2']);
    await cluster.join('n3');
    await cluster.settled(['n1', 'n2', 'n3']);
    await cluster.nodes[0]?.drain();
    await finish(600, ['n2', 'n3']);
    expect(trickle.lines.flatMap(({ refused }) => refused)).to.deep.equal([]);
  });

  it('go on elsewhere when their node is killed', async () => {
    const victim = await cluster.joinDistant('n1');
    await cluster.join('n2');
    await cluster.settled(['n1', 'n2']);
    await begin();
    await victim.distant.kill();
    await finish(3500, ['n2']);
    expect(trickle.longestGap()).to.be.greaterThan(900);
  });

  it('go on elsewhere when their node is stopped, and come back when it goes on', async function () {
    this.timeout(40_000);
    const victim = await cluster.joinDistant('n1');
    await cluster.join('n2');
    await cluster.settled(['n1', 'n2']);
    await begin();
    await victim.distant.pause();
    await cluster.settled(['n2']);
    await trickle.goesOn();
    victim.distant.resume();
    await cluster.settled(['n1', 'n2'], 15_000);
    await trickle.goesOn();
    await victim.distant.kill();
    await finish(6500, ['n2']);
  });

  it('go on by themselves when NATS was away', async () => {
    await cluster.join('n1');
    await cluster.join('n2');
    await cluster.settled(['n1', 'n2']);
    await begin();
    // Twice: in which order its clients come back is chance.
    for (let outage = 0; outage < 2; outage++) {
      await nats.kill();
      await pause(awayMs);
      await nats.start();
      await trickle.goesOn();
    }
    await finish(3000, ['n1', 'n2']);
    expect(trickle.lines.flatMap(({ refused }) => refused)).to.deep.equal([]);
  });
});
