import { expect } from 'chai';
import { pino } from 'pino';
import { createBroker, createCall, defineService } from '../../../ops/broker/broker.ts';
import { runtimeObserver } from '../../../ops/telemetry/actors.ts';
import { createMetrics } from '../../../ops/telemetry/metrics.ts';
import { fail } from '../../../schemas/errors.ts';
import { createPasswords } from '../../../services/users/passwords.ts';

describe('what parts tell the metrics', () => {
  it('are the action, the outcome and the time of every call', async () => {
    const broker = createBroker({ nodeId: 'n-1', logger: pino({ level: 'silent' }), requestTimeoutMs: 1000 });
    broker.createService(
      defineService('sums', {
        add: ({ a, b }: { a: number; b: number }) => a + b,
        refuse() {
          throw fail('conflict');
        },
        bug() {
          throw new TypeError('a bug');
        },
      }),
    );
    await broker.start();
    try {
      const told: string[] = [];
      const call = createCall(broker, (action, code, seconds) => {
        expect(seconds).to.be.within(0, 10);
        told.push(`${action} ${code}`);
      });
      expect(await call('sums.add', { a: 1, b: 2 }, { request_id: 'r' })).to.equal(3);
      for (const action of ['sums.refuse', 'sums.bug']) {
        const thrown = await call(action, {}, { request_id: 'r' }).catch((error: unknown) => error);
        expect(thrown).to.be.instanceOf(Error);
      }
      expect(told).to.deep.equal(['sums.add ok', 'sums.refuse conflict', 'sums.bug internal']);
    } finally {
      await broker.stop();
    }
  });

  it('are password hashes, and those refused because too many wait', async () => {
    const told: string[] = [];
    const passwords = createPasswords({
      cost: 4,
      queue: 1,
      onHash: (seconds) => void told.push(seconds > 0 ? 'hash' : 'no time'),
      onRefusal: () => void told.push('refused'),
    });
    try {
      const asked = ['one', 'two', 'three'].map((name) => passwords.hash(`a long password ${name}`));
      const ends = await Promise.allSettled(asked);
      expect(ends.map(({ status }) => status)).to.deep.equal(['fulfilled', 'fulfilled', 'rejected']);
      expect(told).to.have.members(['hash', 'hash', 'refused']);
    } finally {
      await passwords.close();
    }
  });

  it('are the batches, flushes, loads and waits of the actors', async () => {
    const metrics = createMetrics();
    const observer = runtimeObserver(metrics);
    observer.batch(3, 300, 0.001);
    observer.stored(0.02);
    observer.refused();
    observer.claimed();
    observer.loaded('chat', 0.003);
    observer.flush(3, 0.004);
    observer.flushFailed();
    observer.buried('chat');
    const text = await metrics.registry.metrics();
    for (const line of [
      'suhbat_batch_events_count 1',
      'suhbat_batch_bytes_count 1',
      'suhbat_gate_wait_seconds_count{gate="journaled"} 1',
      'suhbat_gate_wait_seconds_count{gate="stored"} 1',
      'suhbat_appends_refused_total 1',
      'suhbat_shards_claimed_total 1',
      'suhbat_activation_seconds_count{kind="chat"} 1',
      'suhbat_flush_events_count 1',
      'suhbat_flush_seconds_count 1',
      'suhbat_flush_failures_total 1',
      'suhbat_dead_letters_total{kind="chat"} 1',
    ])
      expect(text.split('\n')).to.include(line);
  });
});
