import { expect } from 'chai';
import type { Call } from '../../../ops/broker/call.ts';
import type { Bus } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { createRevokedLogins, learnRevoked, publishRevoked } from '../../../ops/security/revoked-logins.ts';
import { fail } from '../../../schemas/errors.ts';
import { type RevokedLogins, type RevokedPage, subjects } from '../../../schemas/subjects.ts';
import { manualClock } from './support.ts';

describe('the revoked logins', () => {
  const ttlMs = 1000;

  function setUp() {
    const bus = createLocalBus();
    const clock = manualClock();
    const revoked = createRevokedLogins({ bus, clock, ttlMs });
    const told: RevokedLogins[] = [];
    const end = revoked.onRevoked((note) => told.push(note));
    return { bus, clock, revoked, told, end };
  }

  it('are known, and told to listeners, as soon as the bus says so', async () => {
    const { bus, revoked, told } = setUp();
    await publishRevoked(bus, { user_id: 'u', login_ids: ['a', 'b'] });
    expect([revoked.has('a'), revoked.has('b'), revoked.has('c')]).to.deep.equal([true, true, false]);
    expect(told).to.deep.equal([{ user_id: 'u', login_ids: ['a', 'b'] }]);
  });

  it('are learnt from the database at start, and told once', async () => {
    const { bus, revoked, told } = setUp();
    revoked.learn([{ user_id: 'u', login_ids: ['a'] }]);
    await publishRevoked(bus, { user_id: 'u', login_ids: ['a', 'b'] });
    expect(told).to.deep.equal([
      { user_id: 'u', login_ids: ['a'] },
      { user_id: 'u', login_ids: ['b'] },
    ]);
  });

  it('are held as long as an access token lives, and forgotten then', () => {
    const { clock, revoked } = setUp();
    revoked.learn([{ user_id: 'u', login_ids: ['a'] }]);
    clock.advance(600);
    revoked.learn([{ user_id: 'u', login_ids: ['b'] }]);
    clock.advance(399);
    expect([revoked.has('a'), revoked.has('b'), revoked.size()]).to.deep.equal([true, true, 2]);
    clock.advance(1);
    expect([revoked.has('a'), revoked.has('b'), revoked.size()]).to.deep.equal([false, true, 1]);
    clock.advance(600);
    expect(revoked.size()).to.equal(0);
  });

  it('are learnt in pages, each short enough to be sent, whatever the users are', async () => {
    const { revoked } = setUp();
    // Each of another user, but for those of one user that lie on both sides of a page's end.
    const all = Array.from({ length: 12_000 }, (_, at) => ({
      id: `01890000-0000-7000-8000-${String(at).padStart(12, '0')}`,
      user_id: Math.abs(at - 5000) < 3 ? 'one' : `01890000-0000-7000-8000-${String(at).padStart(12, 'f')}`,
    }));
    const lengths: number[] = [];
    const call = (async (_: string, { after = '', limit = Number.POSITIVE_INFINITY }: RevokedPage) => {
      const page = Map.groupBy(all.filter(({ id }) => id > after).slice(0, limit), ({ user_id }) => user_id);
      const notes = [...page].map(([user_id, ids]) => ({ user_id, login_ids: ids.map(({ id }) => id) }));
      lengths.push(JSON.stringify(notes).length);
      return notes;
    }) as Call;
    await learnRevoked(revoked, call, 0, 1000);
    expect(revoked.size()).to.equal(all.length);
    expect(lengths).to.have.length(3);
    expect(Math.max(...lengths)).to.be.below(768 * 1024);
  });

  it('are learnt of services of an older release, which give all at once', async () => {
    const { revoked } = setUp();
    const login_ids = Array.from({ length: 6000 }, (_, at) => `l${String(at).padStart(6, '0')}`);
    let calls = 0;
    const call = (async () => {
      calls++;
      return [{ user_id: 'u', login_ids }];
    }) as Call;
    await learnRevoked(revoked, call, 0, 1000);
    expect([revoked.size(), calls]).to.deep.equal([6000, 2]);
  });

  it('do not listen to what is no such note, nor after the end', async () => {
    const { bus, revoked, told, end } = setUp();
    for (const note of [undefined, null, 'a', { user_id: 'u' }, { user_id: 'u', login_ids: [1] }])
      bus.publish(subjects.revoked, { frame: '', note });
    expect(revoked.size()).to.equal(0);
    end();
    await publishRevoked(bus, { user_id: 'u', login_ids: ['a'] });
    expect([revoked.has('a'), told]).to.deep.equal([true, []]);
    revoked.close();
    await publishRevoked(bus, { user_id: 'u', login_ids: ['b'] });
    expect(revoked.has('b')).to.equal(false);
  });

  it('are answered for when the bus has taken them, or is away', async () => {
    const order: string[] = [];
    let settle = (_: boolean) => {};
    const bus: Bus = {
      ...createLocalBus(),
      publish: () => void order.push('published'),
      settled: () =>
        new Promise((resolve, reject) => {
          settle = (taken) => (taken ? resolve() : reject(fail('unavailable')));
        }),
    };
    for (const taken of [true, false]) {
      const told = publishRevoked(bus, { user_id: 'u', login_ids: ['a'] }).then(() => order.push('answered'));
      await new Promise((resolve) => setImmediate(resolve));
      order.push('settled');
      settle(taken);
      await told;
    }
    expect(order).to.deep.equal(['published', 'settled', 'answered', 'published', 'settled', 'answered']);
  });

  it('are not announced when there is nothing to say', async () => {
    const { bus } = setUp();
    const heard: unknown[] = [];
    bus.subscribe(subjects.revoked, ({ note }) => heard.push(note));
    await publishRevoked(bus, { user_id: 'u', login_ids: [] });
    expect(heard).to.deep.equal([]);
  });
});
