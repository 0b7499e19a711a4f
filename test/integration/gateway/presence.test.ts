import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { connectReady, heard, texts } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';

describe('gateway: presence', () => {
  let test: GatewayTest;
  beforeEach(async () => {
    test = await startGateway();
  });
  afterEach(() => test.stop());

  it('tells a watcher of presence, from the list it gave last', async () => {
    const [anna, bob] = [newId(), newId()];
    test.actors.answer = (kind, id, commands) => {
      if (kind !== 'user' || (commands[0] as { type: string }).type !== 'presence.get') return undefined;
      if (id === bob) return [{ refusal: { code: 'unavailable' } }];
      return [{ reply: { user_id: id, online: true, last_seen_at: null } }];
    };
    const client = await connectReady(test, newId());
    const watch = (id: string, ...user_ids: string[]) =>
      client.request({ id, type: 'presence.watch', user_ids });
    expect((await watch('1', anna.toUpperCase(), bob, anna)).users).to.deep.equal([
      { user_id: anna, online: true, last_seen_at: null },
      { user_id: bob, online: false, last_seen_at: null },
    ]);
    const tell = (user_id: string, text: string) =>
      test.bus.publish(subjects.presence(user_id), {
        frame: JSON.stringify({ type: 'presence', user_id, text }),
        droppable: true,
      });
    tell(anna, 'anna off');
    await heard(client, 'anna off');
    expect((await watch('2', bob)).users).to.have.length(1);
    tell(anna, 'not watched');
    tell(bob, 'bob on');
    await heard(client, 'bob on');
    expect(texts(client)).to.deep.equal(['anna off', 'bob on']);
    expect((await watch('3')).users).to.deep.equal([]);
    const many = Array.from({ length: 201 }, newId);
    expect(await watch('4', ...many)).to.include({ code: 'invalid' });
  });

  it('tells of the list that was asked for last, also where that was answered first', async () => {
    const [anna, bob] = [newId(), newId()];
    const client = await connectReady(test, newId());
    const first = Promise.withResolvers<string[]>();
    test.services['users.closed'] = ({ ids }: { ids: string[] }) => (ids.includes(anna) ? first.promise : []);
    const older = client.request({ id: '1', type: 'presence.watch', user_ids: [anna] });
    const newer = await client.request({ id: '2', type: 'presence.watch', user_ids: [bob] });
    expect(newer.users).to.have.length(1);
    first.resolve([]);
    expect((await older).users).to.have.length(1);
    for (const [user, text] of [
      [anna, 'not watched'],
      [bob, 'bob on'],
    ] as const)
      test.bus.publish(subjects.presence(user), {
        frame: JSON.stringify({ type: 'presence', user_id: user, text }),
        droppable: true,
      });
    await heard(client, 'bob on');
    expect(texts(client)).to.deep.equal(['bob on']);
  });

  it('answers presence over REST', async () => {
    const [me, anna] = [newId(), newId()];
    const seen = new Date(0).toISOString();
    test.actors.answer = (kind, id, commands) =>
      kind === 'user'
        ? commands.map(() => ({ reply: { user_id: id, online: false, last_seen_at: seen } }))
        : undefined;
    const headers = { authorization: `Bearer ${test.token(me)}`, 'content-type': 'application/json' };
    const get = (path: string) => fetch(test.base + path, { headers });
    const one = await get(`/api/v1/users/${anna}/presence`);
    expect(await one.json()).to.deep.equal({ online: false, last_seen_at: seen });
    expect((await get('/api/v1/users/nobody/presence')).status).to.equal(404);
    const ping = await fetch(`${test.base}/presence/ping`, { method: 'POST', headers });
    expect(ping.status).to.equal(204);
    expect(test.asked.at(-1)).to.deep.equal({ kind: 'user', id: me, commands: [{ type: 'presence.ping' }] });
    const body = JSON.stringify({ user_ids: [anna] });
    const list = await fetch(`${test.base}/api/v1/presence`, { method: 'POST', headers, body });
    expect(await list.json()).to.deep.equal({
      users: [{ user_id: anna, online: false, last_seen_at: seen }],
    });
    const open = await fetch(`${test.base}/api/v1/users/${anna}/presence`);
    expect(open.status).to.equal(401);
  });
});
