import { expect } from 'chai';
import { systemClock } from '../../../ops/process/clock.ts';
import { type Check, createHealth } from '../../../ops/process/health.ts';

const build = { version: '1.2.3', commit: 'abc' };

describe('health', () => {
  it('is ready neither while starting nor while draining, and live all along', () => {
    const health = createHealth(systemClock, build);
    const seen = [health.ready()];
    for (const phase of ['ready', 'draining'] as const) {
      health.phase(phase);
      seen.push(health.ready());
      expect(health.live()).to.equal(true);
    }
    expect(seen).to.deep.equal([false, true, false]);
  });

  it('reports the worst of its checks as they are now', () => {
    const health = createHealth(systemClock, build);
    let database: Check = { status: 'ok' };
    health.add('database', () => database);
    health.add('journal', () => ({ status: 'ok' }));
    health.phase('ready');
    expect(health.report()).to.deep.include({ ...build, status: 'ok' });
    database = { status: 'degraded', detail: 'reconnecting' };
    expect(health.report()).to.deep.include({ status: 'degraded' });
    expect(health.report().checks).to.deep.equal({ database, journal: { status: 'ok' } });
    expect(health.ready()).to.equal(true);
    database = { status: 'down' };
    expect(health.report().status).to.equal('down');
    expect(health.ready()).to.equal(false);
  });
});
