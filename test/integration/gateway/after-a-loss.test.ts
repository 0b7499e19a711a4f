import { expect } from 'chai';
import { Beacons } from '../../../actors/runtime/beacons.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { until } from '../../support/until.ts';
import { type Client, heard, resynced, resyncs, texts } from './clients.ts';
import { beaconOptions, losing, useLossyScene } from './lossy-scene.ts';
import { startGateway } from './support.ts';
import { TestChat } from './test-chat.ts';

describe('gateway: after a loss on the bus', () => {
  const scene = useLossyScene();
  const { member, say, told } = scene;

  it('tells every connection to fetch, and reads logins again', async () => {
    const clients: Client[] = [];
    for (let n = 0; n < 5; n++) clients.push((await member()).client);
    // Its beacon follows the loss, and says nothing that the great resync does not.
    scene.owner.close();
    scene.owner = new Beacons({
      bus: scene.bus,
      clock: systemClock,
      options: { ...beaconOptions, beaconMs: 10_000 },
    });
    scene.bus.network = losing('4');
    say(4);
    await clients[0]?.request({ id: 'later', type: 'ping' });
    scene.bus.lose('all');
    await told(1, ...clients);
    for (const client of clients) await resynced(client);
    expect(scene.rechecks).to.equal(1);
    for (const client of clients) expect(resyncs(client)).to.deep.equal([undefined]);
  });

  it('spreads that over some seconds', async () => {
    const clients: Client[] = [];
    for (let n = 0; n < 10; n++) clients.push((await member()).client);
    const told = () => clients.filter((client) => resyncs(client).length > 0).length;
    const begun = performance.now();
    scene.bus.lose('all');
    await until('the first', () => told() > 0);
    expect(told()).to.be.below(10);
    await until('the last', () => told() === 10, 15_000);
    expect(performance.now() - begun).to.be.above(3000);
  });

  it('leaves and enters the chats that users left and entered meanwhile, unheard', async () => {
    const [stays, leaves] = [await member(), await member()];
    const other = new TestChat();
    scene.group.memberSeq = 4;
    scene.group.members.delete(leaves.user);
    other.members.add(leaves.user);
    scene.chats.push(other);
    // Nobody says a word of it.
    scene.bus.lose('all');
    for (const { client } of [stays, leaves]) await resynced(client);
    await until('leaving', () => resyncs(leaves.client).includes(scene.group.id));
    scene.owner.publish(subjects.chat(other.id), other.message('50', 50));
    say(5);
    await heard(stays.client, '5');
    await heard(leaves.client, '50');
    expect(texts(leaves.client)).to.deep.equal(['50']);
  });

  it('ends watches of users who have begun to hide meanwhile, unheard, and keeps the others', async () => {
    const [hides, stays] = [newId(), newId()];
    const { client } = await member();
    await client.request({ id: 'w', type: 'presence.watch', user_ids: [hides, stays] });
    scene.test.services['users.closed'] = () => [hides];
    scene.bus.lose('all');
    await resynced(client);
    const presence = () => client.frames.filter(({ type }) => type === 'presence');
    const offline = { type: 'presence', user_id: hides, online: false, last_seen_at: null };
    expect(presence()).to.deep.equal([offline]);
    for (const id of [hides, stays])
      scene.bus.publish(subjects.presence(id), { frame: JSON.stringify({ type: 'presence', user_id: id }) });
    await until('the other', () => presence().length === 2);
    expect(presence()[1]).to.deep.equal({ type: 'presence', user_id: stays });
  });

  it('ends them too where the link of those was broken who tell of hiding; nobody has to fetch', async () => {
    const [hides, stays] = [newId(), newId()];
    const [{ client }, other] = [await member(), await member()];
    for (const who of [client, other.client])
      await who.request({ id: 'w', type: 'presence.watch', user_ids: [hides, stays] });
    await other.client.request({ id: 'none', type: 'presence.watch', user_ids: [] });
    scene.test.called.length = 0;
    let tries = 0;
    scene.test.services['users.closed'] = () => {
      if (++tries === 1) throw fail('unavailable', { reason: 'database_away' });
      return [hides];
    };
    scene.bus.publish(subjects.privacy, { frame: '', note: {} });
    const gone = (who: Client) => who.frames.filter(({ type }) => type === 'presence');
    await until('hiding', () => gone(client).length > 0);
    expect(gone(client)).to.deep.equal([
      { type: 'presence', user_id: hides, online: false, last_seen_at: null },
    ]);
    expect(
      scene.test.called.map(({ action }) => action),
      'of who watches',
    ).to.deep.equal(['users.closed', 'users.closed']);
    expect([resyncs(client), resyncs(other.client), scene.rechecks]).to.deep.equal([[], [], 0]);
  });

  it('turns away whom it cannot attach again', async () => {
    await scene.test.stop();
    scene.test = await startGateway({ bus: scene.bus, hurry: 10 });
    const { client } = await member();
    scene.test.services['chats.attach'] = () => {
      throw fail('unavailable', { reason: 'database_away' });
    };
    scene.bus.lose('all');
    expect(await until('bye', () => client.frames.find(({ type }) => type === 'bye'), 15_000)).to.include({
      reason: 'unavailable',
    });
    expect((await client.end()).code).to.equal(1001);
  });

  it('hides all from who watches, and has him watch anew, where nobody can be asked who hides', async () => {
    await scene.test.stop();
    scene.test = await startGateway({ bus: scene.bus, hurry: 10 });
    const watched = newId();
    const { client } = await member();
    await client.request({ id: 'w', type: 'presence.watch', user_ids: [watched] });
    scene.test.services['users.closed'] = () => {
      throw fail('unavailable', { reason: 'database_away' });
    };
    scene.bus.publish(subjects.privacy, { frame: '', note: {} });
    await until('resync', () => resyncs(client).length === 1, 15_000);
    expect(client.frames.find(({ type }) => type === 'presence')).to.deep.equal({
      type: 'presence',
      user_id: watched,
      online: false,
      last_seen_at: null,
    });
    expect(client.frames.filter(({ type }) => type === 'bye')).to.deep.equal([]);
    scene.bus.publish(subjects.presence(watched), {
      frame: JSON.stringify({ type: 'presence', online: true }),
    });
    await client.request({ id: 'p', type: 'ping' });
    expect(client.frames.filter(({ type }) => type === 'presence')).to.have.length(1);
  });

  it('hides from who watches, when it is told so, and when nobody can be asked', async () => {
    const [one, two] = [newId(), newId()];
    const [{ client, user }, other] = [await member(), await member()];
    for (const who of [client, other.client])
      await who.request({ id: 'w', type: 'presence.watch', user_ids: [one, two] });
    const gone = (who: Client) =>
      who.frames.flatMap(({ type, user_id }) => (type === 'presence' ? [user_id] : []));
    scene.test.services['users.hides_from'] = () => [user];
    scene.bus.publish(subjects.privacy, { frame: '', note: { user_id: one } });
    await until('hiding', () => gone(client).length === 1);
    scene.test.services['users.hides_from'] = () => {
      throw fail('unavailable', { reason: 'database_away' });
    };
    scene.bus.publish(subjects.privacy, { frame: '', note: { user_id: two, viewer_id: user } });
    await until('hiding', () => gone(client).length === 2);
    expect([gone(client), gone(other.client)]).to.deep.equal([[one, two], []]);
  });

  it('does nothing where only what it sent itself was lost', async () => {
    const { client } = await member();
    say(4);
    scene.bus.lose('sent');
    await told(1, client);
    expect(resyncs(client)).to.deep.equal([]);
    expect(scene.rechecks).to.equal(0);
  });
});
