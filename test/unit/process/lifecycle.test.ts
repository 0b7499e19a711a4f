import { expect } from 'chai';
import { pino } from 'pino';
import { systemClock } from '../../../ops/process/clock.ts';
import { createLifecycle, Stopped } from '../../../ops/process/lifecycle.ts';

const logger = pino({ level: 'silent' });
const lifecycle = (deadlineMs = 5000) => createLifecycle({ logger, clock: systemClock, deadlineMs });

describe('the lifecycle', () => {
  it('stops in reverse what it started in order, handing each part its own value', async () => {
    const life = lifecycle();
    const seen: string[] = [];
    for (const name of ['lock', 'database', 'gateway']) {
      const value = await life.part(
        name,
        () => name.toUpperCase(),
        (part) => seen.push(part),
      );
      expect(value).to.equal(name.toUpperCase());
    }
    expect(await life.stop()).to.deep.equal([]);
    expect(seen).to.deep.equal(['GATEWAY', 'DATABASE', 'LOCK']);
  });

  it('stops what was started when a later part fails to start', async () => {
    const life = lifecycle();
    const seen: string[] = [];
    await life.part(
      'lock',
      () => 'lock',
      (part) => seen.push(part),
    );
    const failure = new Error('port taken');
    const error = await life
      .part(
        'gateway',
        () => Promise.reject(failure),
        () => seen.push('gateway'),
      )
      .catch((thrown: unknown) => thrown);
    expect(error).to.equal(failure);
    expect(await life.stop()).to.deep.equal([]);
    expect(seen).to.deep.equal(['lock']);
  });

  it('waits for the part that is starting, and starts none after it', async () => {
    const life = lifecycle();
    const seen: string[] = [];
    let started: (value: string) => void = () => {};
    const starting = life.part(
      'database',
      () => new Promise<string>((resolve) => (started = resolve)),
      (part) => seen.push(part),
    );
    const stopped = life.stop();
    const refused = await life
      .part(
        'gateway',
        () => seen.push('gateway'),
        () => {},
      )
      .catch((thrown: unknown) => thrown);
    expect(refused).to.be.instanceOf(Stopped);
    started('database');
    expect(await starting.catch((thrown: unknown) => thrown)).to.be.instanceOf(Stopped);
    expect(await stopped).to.deep.equal([]);
    expect(seen).to.deep.equal(['database']);
  });

  it('goes on stopping when one part fails or does not end before the deadline', async () => {
    const life = lifecycle(50);
    const seen: string[] = [];
    await life.part(
      'lock',
      () => 'lock',
      (part) => seen.push(part),
    );
    await life.part(
      'stuck',
      () => 'stuck',
      () => new Promise(() => {}),
    );
    await life.part(
      'broken',
      () => 'broken',
      () => Promise.reject(new Error('no')),
    );
    expect(await life.stop()).to.deep.equal(['stuck']);
    expect(seen).to.deep.equal(['lock']);
  });

  it('stops once, however often it is asked', async () => {
    const life = lifecycle();
    let stops = 0;
    await life.part(
      'lock',
      () => 'lock',
      () => stops++,
    );
    expect(await Promise.all([life.stop(), life.stop()])).to.deep.equal([[], []]);
    expect(stops).to.equal(1);
  });
});
