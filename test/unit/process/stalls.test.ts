import { expect } from 'chai';
import type { Clock } from '../../../ops/process/clock.ts';
import { watchStalls } from '../../../ops/process/stalls.ts';

/** A clock of a process that can be stopped: its timers are late then, as an event loop's are. */
class StoppableClock implements Clock {
  #now = 1000;
  #timers = new Map<() => void, number>();

  now = () => this.#now;
  monotonic = () => this.#now;

  after(ms: number, task: () => void): () => void {
    this.#timers.set(task, this.#now + ms);
    return () => void this.#timers.delete(task);
  }

  /** Time goes by, and nothing runs. */
  stop(ms: number): void {
    this.#now += ms;
  }

  /** What is due runs now. */
  turn(): void {
    for (const [task, at] of [...this.#timers]) if (at <= this.#now && this.#timers.delete(task)) task();
  }

  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += 10) {
      this.stop(10);
      this.turn();
    }
  }
}

describe('the watch over stalls', () => {
  let clock: StoppableClock;
  let stalls: ReturnType<typeof watchStalls>;

  beforeEach(() => {
    clock = new StoppableClock();
    stalls = watchStalls(clock);
  });
  afterEach(() => stalls.close());

  it('counts time as it passes while nothing is late', () => {
    const began = stalls.awake();
    clock.run(5000);
    expect(stalls.awake() - began).to.be.within(4990, 5010);
    expect(stalls.late()).to.equal(0);
  });

  it('counts next to nothing of a stall, however long', () => {
    const began = stalls.awake();
    clock.run(1000);
    clock.stop(60_000);
    expect(stalls.awake() - began).to.be.lessThan(1300);
    clock.turn();
    expect(stalls.awake() - began).to.be.lessThan(1300);
    clock.run(1000);
    expect(stalls.awake() - began).to.be.within(2000, 2300);
  });

  it('never goes back', () => {
    let last = stalls.awake();
    for (const ms of [10, 100, 300, 10, 5000, 10, 10, 240, 260, 90]) {
      clock.stop(ms);
      for (const look of [() => {}, () => clock.turn()]) {
        look();
        expect(stalls.awake()).to.be.at.least(last);
        last = stalls.awake();
      }
    }
  });

  it('says of what is read after a stall how late it may be, before a timer ran and after', () => {
    clock.run(1000);
    clock.stop(3000);
    expect(stalls.late()).to.be.within(3000, 3100);
    clock.turn();
    expect(stalls.late()).to.be.within(3000, 3100);
    clock.run(200);
    expect(stalls.late()).to.equal(0);
  });
});
