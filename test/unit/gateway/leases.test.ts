import { expect } from 'chai';
import { createLeases, type Drawn } from '../../../gateway/leases.ts';
import { settled, VirtualClock } from '../../support/virtual-clock.ts';

describe('leases of a shared limit', () => {
  const windowMs = 60_000;

  /** One fixed window for all, which answers when it is told to. */
  function window(quota: number, clock: VirtualClock) {
    let spent = 0;
    let ends = 0;
    const pending: (() => void)[] = [];
    const draws: number[] = [];
    return {
      draws,
      answerAll() {
        for (const answer of pending.splice(0)) answer();
      },
      draw(_: string, points: number): Promise<Drawn> {
        draws.push(points);
        if (clock.monotonic() >= ends) {
          spent = 0;
          ends = clock.monotonic() + windowMs;
        }
        const granted = Math.max(0, Math.min(points, quota - spent));
        spent += points;
        const drawn = { granted, left: Math.max(0, quota - spent), endsMs: ends - clock.monotonic() };
        return new Promise((resolve) => pending.push(() => resolve(drawn)));
      },
    };
  }

  function process(quota: number, shared: ReturnType<typeof window>, clock: VirtualClock, entries?: number) {
    return createLeases({ quota, windowMs, draw: shared.draw, clock, ...(entries && { entries }) });
  }

  async function outcome(
    shared: ReturnType<typeof window>,
    taken: number | Promise<number>,
  ): Promise<number> {
    for (let turn = 0; turn < 10; turn++) {
      await settled();
      shared.answerAll();
    }
    return taken;
  }

  for (const quota of [1, 5, 30, 63, 64, 600])
    it(`let exactly ${quota} through one process, and say how long the window lasts`, async () => {
      const clock = new VirtualClock();
      const shared = window(quota, clock);
      const { take } = process(quota, shared, clock);
      for (let n = 0; n < quota; n++) expect(await outcome(shared, take('ali'))).to.equal(0);
      await clock.advance(1000);
      expect(await outcome(shared, take('ali'))).to.equal(windowMs - 1000);
      await clock.advance(windowMs - 1000);
      expect(await outcome(shared, take('ali'))).to.equal(0);
    });

  it('let no more than the quota through all processes, and little less', async () => {
    const clock = new VirtualClock();
    const shared = window(600, clock);
    const processes = Array.from({ length: 4 }, () => process(600, shared, clock));
    // As unevenly as can be.
    const taken = Array.from({ length: 1500 }, (_, n) =>
      processes[Math.floor(Math.sqrt(n)) % 4]?.take('ali'),
    );
    const waits = await Promise.all(taken.map((each) => outcome(shared, each ?? 0)));
    const through = waits.filter((wait) => wait === 0).length;
    expect(through).to.be.within(600 - 4 * 18, 600);
  });

  it('share small quotas exactly, whoever comes where', async () => {
    const clock = new VirtualClock();
    const shared = window(5, clock);
    const [one, other] = [process(5, shared, clock), process(5, shared, clock)];
    const waits: number[] = [];
    for (const where of [one, other, one, other, one, other, one])
      waits.push(await outcome(shared, where.take('ali')));
    expect(waits.map((wait) => wait === 0)).to.deep.equal([true, true, true, true, true, false, false]);
  });

  it('ask rarely, ever more rarely of a key that is refused, and answer the rest at once', async () => {
    const clock = new VirtualClock();
    const shared = window(600, clock);
    const { take } = process(600, shared, clock);
    let atOnce = 0;
    for (let n = 0; n < 300; n++) {
      const taken = take('ali');
      if (typeof taken === 'number') atOnce++;
      await outcome(shared, taken);
    }
    expect(shared.draws.length).to.be.below(30);
    expect(atOnce).to.equal(300 - shared.draws.length);
    for (let n = 0; n < 400; n++) await outcome(shared, take('ali'));
    const asked = shared.draws.length;
    for (let n = 0; n < 100; n++) expect(take('ali')).to.be.a('number').that.is.greaterThan(0);
    expect(shared.draws.length).to.equal(asked);
  });

  it('ask once for all who come at once, first come first served', async () => {
    const clock = new VirtualClock();
    const shared = window(30, clock);
    const { take } = process(30, shared, clock);
    const taken = Array.from({ length: 50 }, () => take('ali'));
    const waits = await Promise.all(taken.map((each) => outcome(shared, each)));
    expect(shared.draws).to.deep.equal([1, 30]);
    expect(waits.slice(0, 30).every((wait) => wait === 0)).to.equal(true);
    expect(waits.slice(30).every((wait) => wait > 0)).to.equal(true);
  });

  it('spend nothing of a window that is over', async () => {
    const clock = new VirtualClock();
    const shared = window(600, clock);
    const { take } = process(600, shared, clock);
    await outcome(shared, take('ali'));
    await clock.advance(windowMs);
    const late = take('ali');
    expect(late).to.be.a('promise');
    expect(await outcome(shared, late)).to.equal(0);
    expect(shared.draws).to.deep.equal([18, 18]);
  });

  it('remember no more keys than they may, and lose leases rather than give them twice', async () => {
    const clock = new VirtualClock();
    const shared = window(1000, clock);
    const { take } = process(1000, shared, clock, 10);
    await outcome(shared, take('first'));
    for (let n = 0; n < 20; n++) await outcome(shared, take(`other ${n}`));
    expect(take('first')).to.be.a('promise');
  });

  it('tell everybody who waits when asking fails, and ask again for the next', async () => {
    let fails = true;
    const clock = new VirtualClock();
    const { take } = createLeases({
      quota: 5,
      windowMs,
      clock,
      async draw() {
        if (fails) throw new Error('a bug');
        return { granted: 1, left: 4, endsMs: 1000 };
      },
    });
    const both = await Promise.allSettled([take('ali'), take('ali')]);
    expect(both.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    fails = false;
    expect(await take('ali')).to.equal(0);
  });
});
