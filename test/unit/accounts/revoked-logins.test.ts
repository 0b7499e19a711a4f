import { expect } from 'chai';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { createRevokedLogins, publishRevoked } from '../../../ops/security/revoked-logins.ts';
import { type RevokedLogins, subjects } from '../../../schemas/subjects.ts';
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

  it('are known, and told to listeners, as soon as the bus says so', () => {
    const { bus, revoked, told } = setUp();
    publishRevoked(bus, { user_id: 'u', login_ids: ['a', 'b'] });
    expect([revoked.has('a'), revoked.has('b'), revoked.has('c')]).to.deep.equal([true, true, false]);
    expect(told).to.deep.equal([{ user_id: 'u', login_ids: ['a', 'b'] }]);
  });

  it('are learnt from the database at start, and told once', () => {
    const { bus, revoked, told } = setUp();
    revoked.learn([{ user_id: 'u', login_ids: ['a'] }]);
    publishRevoked(bus, { user_id: 'u', login_ids: ['a', 'b'] });
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

  it('do not listen to what is no such note, nor after the end', () => {
    const { bus, revoked, told, end } = setUp();
    for (const note of [undefined, null, 'a', { user_id: 'u' }, { user_id: 'u', login_ids: [1] }])
      bus.publish(subjects.revoked, { frame: '', note });
    expect(revoked.size()).to.equal(0);
    end();
    publishRevoked(bus, { user_id: 'u', login_ids: ['a'] });
    expect([revoked.has('a'), told]).to.deep.equal([true, []]);
    revoked.close();
    publishRevoked(bus, { user_id: 'u', login_ids: ['b'] });
    expect(revoked.has('b')).to.equal(false);
  });

  it('are not announced when there is nothing to say', () => {
    const { bus } = setUp();
    const heard: unknown[] = [];
    bus.subscribe(subjects.revoked, ({ note }) => heard.push(note));
    publishRevoked(bus, { user_id: 'u', login_ids: [] });
    expect(heard).to.deep.equal([]);
  });
});
