import { expect } from 'chai';
import { newId } from '../../../../schemas/ids.ts';
import { eventually } from '../../../support/eventually.ts';
import { hearNothing, refused } from '../support/expected.ts';
import { graceMs, useProduct } from '../support/program.ts';
import { newPeople, newUser, newUsers, type Person, type User } from '../support/users.ts';

interface Shown {
  online: boolean;
  last_seen_at: string | null;
}

async function shown(user: User, by: User): Promise<Shown> {
  return (await by.rest<Shown>('GET', `/api/v1/users/${user.id}/presence`)).body;
}

describe('presence', () => {
  useProduct();

  it('is answered for those watched, in the order asked, each once, and told when it turns', async () => {
    const [ann, eve] = await newPeople('ann', 'eve');
    const [bob, cem] = await newUsers('bob', 'cem');
    const nobody = newId();
    const user_ids = [bob.id, ann.id, bob.id, nobody, cem.id];
    const { users } = await ann.socket.request('presence.watch', { user_ids });
    expect(users).to.deep.equal([
      { user_id: bob.id, online: false, last_seen_at: null },
      { user_id: ann.id, online: true, last_seen_at: null },
      { user_id: nobody, online: false, last_seen_at: null },
      { user_id: cem.id, online: false, last_seen_at: null },
    ]);
    await hearNothing([eve], async () => {
      const before = Date.now();
      const socket = await bob.open();
      const online = { user_id: bob.id, online: true, last_seen_at: null };
      const came = await ann.socket.event('presence', { user_id: bob.id, online: true });
      expect(came).to.deep.equal({ type: 'presence', ...online });
      expect(await shown(bob, ann)).to.deep.equal({ online: true, last_seen_at: null });
      socket.close();
      const went = await ann.socket.event('presence', { user_id: bob.id, online: false });
      expect(Date.parse(went.last_seen_at ?? '')).to.be.within(before, Date.now());
      expect(await shown(bob, ann)).to.deep.equal({ online: false, last_seen_at: went.last_seen_at });
      const { body } = await bob.rest<{ users: object[] }>('POST', '/api/v1/presence', {
        user_ids: [bob.id],
      });
      const { type: _, ...offline } = went;
      expect(body.users).to.deep.equal([offline]);
    });
  });

  it('of several devices ends with the last of them', async () => {
    const [ann] = await newPeople('ann');
    const bob = await newUser('bob');
    const tablet = await bob.again();
    await ann.socket.request('presence.watch', { user_ids: [bob.id] });
    const sockets = [await bob.open(), await bob.open(), await tablet.open()];
    await ann.socket.event('presence', { user_id: bob.id, online: true });
    for (const socket of sockets.slice(1)) {
      socket.close();
      await socket.end();
    }
    // Past the grace: the first device is still there. Its presence is asked until the others' end is known.
    const cem = await newUser('cem');
    await ann.socket.request('presence.watch', { user_ids: [bob.id, cem.id] });
    (await cem.open()).close();
    await ann.socket.event('presence', { user_id: cem.id, online: false });
    expect(ann.socket.events('presence', { user_id: bob.id, online: false })).to.deep.equal([]);
    expect(await shown(bob, ann)).to.include({ online: true });
    sockets[0]?.close();
    await ann.socket.event('presence', { user_id: bob.id, online: false });
    expect(ann.socket.events('presence', { user_id: bob.id })).to.have.length(2);
  });

  it('does not turn where somebody comes back within the grace', async () => {
    const [ann] = await newPeople('ann');
    const cem = await newUser('cem');
    const bob = await backInTime(ann, cem);
    // Somebody who left after that is gone by the time that the first would be.
    (await cem.open()).close();
    await ann.socket.event('presence', { user_id: cem.id, online: false });
    expect(ann.socket.events('presence', { user_id: bob.id })).to.have.length(1);
    expect(await shown(bob, ann)).to.include({ online: true });
  });

  /** Watched by Ann, too; another one where a busy machine made it too late. */
  async function backInTime(ann: Person, cem: User): Promise<User> {
    for (;;) {
      const bob = await newUser('bob');
      await ann.socket.request('presence.watch', { user_ids: [bob.id, cem.id] });
      const socket = await bob.open();
      await ann.socket.event('presence', { user_id: bob.id, online: true });
      const left = performance.now();
      socket.close();
      await socket.end();
      await bob.open();
      if (performance.now() - left < graceMs / 2) return bob;
    }
  }

  it('is watched as the newest list says: the one before is forgotten', async () => {
    const [ann] = await newPeople('ann');
    const [bob, cem] = await newUsers('bob', 'cem');
    await ann.socket.request('presence.watch', { user_ids: [bob.id] });
    await ann.socket.request('presence.watch', { user_ids: [cem.id] });
    await bob.open();
    await cem.open();
    await ann.socket.event('presence', { user_id: cem.id, online: true });
    expect(ann.socket.events('presence', { user_id: bob.id })).to.deep.equal([]);
    const none = await ann.socket.request('presence.watch', { user_ids: [] });
    expect(none).to.deep.equal({ users: [] });
    const many = Array.from({ length: 201 }, newId);
    await refused(ann.socket.refusal('presence.watch', { user_ids: many }), 'invalid');
    const most = await ann.socket.request('presence.watch', { user_ids: many.slice(1) });
    expect(most.users).to.have.length(200);
  });

  it('is kept up by pings without a socket', async () => {
    const [ann] = await newPeople('ann');
    const bob = await newUser('bob');
    await ann.socket.request('presence.watch', { user_ids: [bob.id] });
    expect((await bob.rest('POST', '/presence/ping')).status).to.equal(204);
    await ann.socket.event('presence', { user_id: bob.id, online: true });
    expect(await shown(bob, ann)).to.include({ online: true });
    // The pings outlast a socket that comes and goes.
    const socket = await bob.open();
    socket.close();
    await socket.end();
    const cem = await newUser('cem');
    await ann.socket.request('presence.watch', { user_ids: [bob.id, cem.id] });
    (await cem.open()).close();
    await ann.socket.event('presence', { user_id: cem.id, online: false });
    expect(await shown(bob, ann)).to.include({ online: true });
  });

  it('ends with the socket of a login that ends', async () => {
    const bob = await newUser('bob');
    const [ann] = await newPeople('ann');
    await bob.open();
    await eventually(async () => (await shown(bob, ann)).online);
    await bob.rest('POST', '/api/v1/auth/logout');
    await eventually(async () => !(await shown(bob, ann)).online);
  });
});
