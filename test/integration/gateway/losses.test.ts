import { expect } from 'chai';
import { Beacons } from '../../../actors/runtime/beacons.ts';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { createLocalBus } from '../../../ops/bus/local-bus.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { arrives, createLossyBus, type LossyBus, lost } from '../../support/lossy-bus.ts';
import { until } from '../../support/until.ts';
import { type Client, closeClients, connectReady } from './clients.ts';
import { type GatewayTest, startGateway } from './support.ts';

/** A gateway, and beacons of an owner, with a network between them that does what a test says. */
describe('gateway: what a lossy bus loses', () => {
  // Sooner than in the product; the pace is what `beacons.test.ts` looks at.
  const options = { beaconMs: 200, headKeptMs: 1000, activations: 10_000 };
  let group: string;
  let bus: LossyBus;
  let owner: Beacons;
  let test: GatewayTest;
  let members: Map<string, Set<string>>;
  let memberSeq: number;
  let rechecks: number;

  beforeEach(async () => {
    group = newId();
    members = new Map([[group, new Set()]]);
    memberSeq = 3;
    rechecks = 0;
    bus = createLossyBus(createLocalBus());
    owner = new Beacons({ bus, clock: systemClock, options });
    test = await startGateway({
      bus,
      recheckLogins: async () => {
        rechecks++;
      },
    });
    test.services['chats.attach'] = (_: object, { user_id = '' }) => ({
      chats: [...members]
        .filter(([, ids]) => ids.has(user_id))
        .map(([id]) => ({ id, member_seq: memberSeq })),
    });
    test.actors.answer = (kind, id, commands) =>
      kind === 'chat'
        ? commands.map((command) => ({
            reply: {
              member: members.get(id)?.has((command as { by: string }).by) ?? false,
              member_seq: memberSeq,
            },
          }))
        : undefined;
  });
  afterEach(async () => {
    owner.close();
    closeClients();
    await test.stop();
  });

  async function member(): Promise<{ user: string; client: Client }> {
    const user = newId();
    members.get(group)?.add(user);
    return { user, client: await connectReady(test, user) };
  }
  const frame = (text: string, type = 'message.new') => JSON.stringify({ type, text });
  const message = (id: string, seq: number, more: Partial<Envelope['chat']> = {}): Envelope => ({
    frame: frame(`${seq}`),
    chat: { id, seq, member_seq: memberSeq, ...more },
  });
  const say = (seq: number, more?: Partial<Envelope['chat']>) =>
    owner.publish(subjects.chat(group), message(group, seq, more));
  const texts = ({ frames }: Client) => frames.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const resyncs = ({ frames }: Client) =>
    frames.filter(({ type }) => type === 'resync').map(({ chat_id }) => chat_id);
  const heard = (client: Client, text: string) =>
    until(`hearing ${text}`, () => texts(client).includes(text));
  const resynced = (client: Client, chat?: string) =>
    until(`resync ${chat}`, () => resyncs(client).includes(chat));
  const beacons = () => bus.published.filter(({ envelope: { chat } }) => chat?.head_age_ms !== undefined);
  /** So many beacons have left, and what they caused has reached every client. */
  async function told(count: number, ...clients: Client[]): Promise<void> {
    await until(`${count} beacons`, () => beacons().length >= count);
    for (const client of clients) await client.request({ id: newId(), type: 'ping' });
  }
  const isFrame = (text: string) => (_: string, envelope: Envelope) =>
    envelope.frame.toString().includes(`"text":"${text}"`) ? lost : arrives;

  it('tells the members of a group whose last frame was lost, and nobody without need', async () => {
    const [one, two] = [await member(), await member()];
    say(4);
    await told(1, one.client, two.client);
    expect(resyncs(one.client)).to.deep.equal([]);
    bus.network = isFrame('5');
    say(5);
    for (const { client } of [one, two]) await resynced(client, group);
    await told(3, one.client);
    expect(resyncs(one.client), 'once').to.deep.equal([group]);
  });

  it('does not send a crowd to fetch in one moment', async () => {
    const crowd = await Promise.all(Array.from({ length: 230 }, member));
    bus.network = isFrame('4');
    say(4);
    const told = () => crowd.filter(({ client }) => resyncs(client).length > 0).length;
    await until('the first', () => told() > 0);
    expect(told()).to.be.below(100);
    await until('the last', () => told() === 230);
    for (const { client } of crowd) expect(resyncs(client)).to.deep.equal([group]);
  });

  it('tells the one of a private chat whose last frame was lost on his subject, and not the other', async () => {
    const [ann, bob, chat] = [newId(), newId(), newId()];
    const [toAnn, toBob] = [await connectReady(test, ann), await connectReady(test, bob)];
    const sayBoth = (seq: number) => {
      const envelope = message(chat, seq);
      for (const user of [ann, bob]) owner.publish(subjects.user(user), envelope);
    };
    sayBoth(1);
    await told(2, toAnn, toBob);
    bus.network = (subject, { chat: note }) =>
      note?.seq === 2 && note.head_age_ms === undefined && subject === subjects.user(bob) ? lost : arrives;
    sayBoth(2);
    await resynced(toBob, chat);
    await told(4, toAnn);
    expect(texts(toAnn)).to.deep.equal(['1', '2']);
    expect(resyncs(toAnn)).to.deep.equal([]);
    expect(resyncs(toBob)).to.deep.equal([chat]);
  });

  it('does not send to fetch what left before a client connected: his first sync brings it', async () => {
    const user = newId();
    members.get(group)?.add(user);
    bus.network = (_, { chat }) => (chat?.head_age_ms === undefined ? lost : arrives);
    say(4);
    owner.publish(subjects.user(user), message(newId(), 9));
    const client = await connectReady(test, user);
    await told(2, client);
    expect(resyncs(client)).to.deep.equal([]);
    say(5);
    await resynced(client, group);
  });

  it('repairs also where the first beacon was lost with the frame', async () => {
    const { client } = await member();
    bus.network = () => lost;
    say(4);
    await until('the first beacon', () => beacons().length === 1);
    bus.network = () => arrives;
    await resynced(client, group);
    expect(beacons()).to.have.length(2);
  });

  it('detaches a removed member although exactly the frame that removes him was lost, then silence', async () => {
    const [stays, leaves] = [await member(), await member()];
    say(4);
    await heard(leaves.client, '4');
    memberSeq = 5;
    members.get(group)?.delete(leaves.user);
    bus.network = (_, { chat }) => (chat?.removed !== undefined ? lost : arrives);
    say(5, { removed: [leaves.user] });
    owner.publish(subjects.user(leaves.user), {
      frame: frame('gone', 'chat.gone'),
      chat: { id: group, member_seq: 5, removed: [leaves.user] },
    });
    // Nothing else is said: the beacon makes the gateway ask.
    await resynced(leaves.client, group);
    await resynced(stays.client, group);
    const asked = test.asked.filter(({ kind }) => kind === 'chat').length;
    expect(asked).to.equal(1);
    say(6);
    // An old frame that is late is not for him either.
    owner.publish(subjects.chat(group), {
      frame: frame('typing', 'typing'),
      chat: { id: group, member_seq: 5 },
    });
    await heard(stays.client, 'typing');
    await leaves.client.request({ id: 'p', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal(['4']);
    expect(texts(stays.client)).to.deep.equal(['4', '6', 'typing']);
    expect(test.asked.filter(({ kind }) => kind === 'chat')).to.have.length(asked);
  });

  it('asks before a removed member hears anything more, although all that told of it was lost', async () => {
    const [stays, leaves] = [await member(), await member()];
    memberSeq = 4;
    members.get(group)?.delete(leaves.user);
    bus.network = () => lost;
    say(4, { removed: [leaves.user] });
    await until('the beacon', () => beacons().length === 1);
    bus.network = () => arrives;
    say(5);
    await heard(stays.client, '5');
    await leaves.client.request({ id: 'p', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal([]);
  });

  it('detaches him on the word that went to himself, where nothing of the chat came through', async () => {
    const leaves = await member();
    memberSeq = 4;
    members.get(group)?.delete(leaves.user);
    const own = subjects.user(leaves.user);
    bus.network = (subject, { chat }) =>
      subject === own && chat?.head_age_ms !== undefined ? arrives : lost;
    say(4, { removed: [leaves.user] });
    owner.publish(own, {
      frame: frame('gone', 'chat.gone'),
      chat: { id: group, member_seq: 4, removed: [leaves.user] },
    });
    await resynced(leaves.client, group);
    await until('the question', () => test.asked.some(({ kind }) => kind === 'chat'));
    bus.network = () => arrives;
    say(5);
    await leaves.client.request({ id: 'p', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal([]);
  });

  it('does not detach who was removed and added again, whatever an old word says', async () => {
    const { user, client } = await member();
    memberSeq = 7;
    bus.publish(subjects.user(user), {
      frame: '',
      chat: { id: group, seq: 5, member_seq: 5, removed: [user], head_age_ms: 2000 },
    });
    say(8);
    await heard(client, '8');
    expect(texts(client)).to.deep.equal(['8']);
  });

  it('attaches a new member whose announcement was lost, on the owner’s word, and tells him', async () => {
    const user = newId();
    const client = await connectReady(test, user);
    members.get(group)?.add(user);
    bus.network = (_, { chat }) => (chat?.head_age_ms === undefined ? lost : arrives);
    owner.publish(subjects.user(user), {
      frame: frame('new', 'chat.new'),
      chat: { id: group, member_seq: 3 },
      attach: group,
    });
    await resynced(client, group);
    bus.network = () => arrives;
    say(4);
    await heard(client, '4');
  });

  it('attaches nobody on the word of a beacon whom the owner does not know', async () => {
    const stays = await member();
    const user = newId();
    const client = await connectReady(test, user);
    bus.publish(subjects.user(user), {
      frame: '',
      chat: { id: group, seq: 3, member_seq: 3, head_age_ms: 2000 },
      attach: group,
    });
    await until('the question', () => test.asked.some(({ kind }) => kind === 'chat'));
    say(4);
    await heard(stays.client, '4');
    await client.request({ id: 'p', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
    expect(resyncs(client)).to.deep.equal([]);
  });

  describe('after a loss', () => {
    it('tells every connection to fetch, and reads logins again', async () => {
      const clients: Client[] = [];
      for (let n = 0; n < 5; n++) clients.push((await member()).client);
      // Its beacon follows the loss, and says nothing that the great resync does not.
      owner.close();
      owner = new Beacons({ bus, clock: systemClock, options: { ...options, beaconMs: 10_000 } });
      bus.network = isFrame('4');
      say(4);
      await clients[0]?.request({ id: 'later', type: 'ping' });
      bus.lose('all');
      await told(1, ...clients);
      for (const client of clients) await resynced(client);
      expect(rechecks).to.equal(1);
      for (const client of clients) expect(resyncs(client)).to.deep.equal([undefined]);
    });

    it('spreads that over some seconds', async () => {
      const clients: Client[] = [];
      for (let n = 0; n < 10; n++) clients.push((await member()).client);
      const told = () => clients.filter((client) => resyncs(client).length > 0).length;
      const begun = performance.now();
      bus.lose('all');
      await until('the first', () => told() > 0);
      expect(told()).to.be.below(10);
      await until('the last', () => told() === 10, 15_000);
      expect(performance.now() - begun).to.be.above(3000);
    });

    it('leaves and enters the chats that users left and entered meanwhile, unheard', async () => {
      const [stays, leaves] = [await member(), await member()];
      const other = newId();
      memberSeq = 4;
      members.get(group)?.delete(leaves.user);
      members.set(other, new Set([leaves.user]));
      // Nobody says a word of it.
      bus.lose('all');
      for (const { client } of [stays, leaves]) await resynced(client);
      await until('leaving', () => resyncs(leaves.client).includes(group));
      owner.publish(subjects.chat(other), message(other, 50));
      say(5);
      await heard(stays.client, '5');
      await heard(leaves.client, '50');
      expect(texts(leaves.client)).to.deep.equal(['50']);
    });

    it('ends watches of users who have begun to hide meanwhile, unheard, and keeps the others', async () => {
      const [hides, stays] = [newId(), newId()];
      const { client } = await member();
      await client.request({ id: 'w', type: 'presence.watch', user_ids: [hides, stays] });
      test.services['users.closed'] = () => [hides];
      bus.lose('all');
      await resynced(client);
      const presence = () => client.frames.filter(({ type }) => type === 'presence');
      const offline = { type: 'presence', user_id: hides, online: false, last_seen_at: null };
      expect(presence()).to.deep.equal([offline]);
      for (const id of [hides, stays])
        bus.publish(subjects.presence(id), { frame: JSON.stringify({ type: 'presence', user_id: id }) });
      await until('the other', () => presence().length === 2);
      expect(presence()[1]).to.deep.equal({ type: 'presence', user_id: stays });
    });

    it('turns away whom it cannot attach again', async () => {
      await test.stop();
      test = await startGateway({ bus, hurry: 10 });
      const { client } = await member();
      test.services['chats.attach'] = () => {
        throw fail('unavailable', { reason: 'database_away' });
      };
      bus.lose('all');
      expect(await until('bye', () => client.frames.find(({ type }) => type === 'bye'), 15_000)).to.include({
        reason: 'unavailable',
      });
      expect((await client.end()).code).to.equal(1001);
    });

    it('hides from who watches, when it is told so, and when nobody can be asked', async () => {
      const [one, two] = [newId(), newId()];
      const [{ client, user }, other] = [await member(), await member()];
      for (const who of [client, other.client])
        await who.request({ id: 'w', type: 'presence.watch', user_ids: [one, two] });
      const gone = (who: Client) =>
        who.frames.flatMap(({ type, user_id }) => (type === 'presence' ? [user_id] : []));
      test.services['users.hides_from'] = () => [user];
      bus.publish(subjects.privacy, { frame: '', note: { user_id: one } });
      await until('hiding', () => gone(client).length === 1);
      test.services['users.hides_from'] = () => {
        throw fail('unavailable', { reason: 'database_away' });
      };
      bus.publish(subjects.privacy, { frame: '', note: { user_id: two, viewer_id: user } });
      await until('hiding', () => gone(client).length === 2);
      expect([gone(client), gone(other.client)]).to.deep.equal([[one, two], []]);
    });

    it('does nothing where only what it sent itself was lost', async () => {
      const { client } = await member();
      say(4);
      bus.lose('sent');
      await told(1, client);
      expect(resyncs(client)).to.deep.equal([]);
      expect(rechecks).to.equal(0);
    });
  });

  /** A small generator, so that a failure can be run again with its seed. */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
  }

  for (const seed of [1, 2, 3, 4])
    it(`after faults every client has seen all, or a gap, or was told (seed ${seed})`, async () => {
      const next = random(seed);
      const people = await Promise.all(Array.from({ length: 6 }, member));
      const pairs = people.flatMap(({ user }, n) => {
        const [before] = n > 0 ? [people[n - 1]] : [];
        return before === undefined ? [] : [{ id: newId(), users: [before.user, user] }];
      });
      const heads = new Map<string, number>([[group, memberSeq]]);
      const firsts = new Map<string, number>([[group, memberSeq]]);
      const speak = (id: string, to: string[]) => {
        const seq = (heads.get(id) ?? 0) + 1;
        heads.set(id, seq);
        const envelope = {
          frame: JSON.stringify({ type: 'message.new', chat_id: id, seq }),
          chat: { id, seq, member_seq: id === group ? memberSeq : 1 },
        };
        for (const subject of to) owner.publish(subject, envelope);
      };
      let [losses, repeats, late] = [0, 0, 0];
      bus.network = () => {
        const luck = next();
        if (luck < 0.3) {
          losses++;
          return lost;
        }
        if (luck < 0.4) {
          repeats++;
          return { times: 2, behind: 0 };
        }
        if (luck > 0.6) return arrives;
        late++;
        return { times: 1, behind: 1 + Math.floor(next() * 6) };
      };
      for (let n = 0; n < 200; n++) {
        const chosen = Math.floor(next() * (pairs.length + 1));
        const pair = pairs[chosen];
        if (pair === undefined) speak(group, [subjects.chat(group)]);
        else speak(pair.id, pair.users.map(subjects.user));
        // Some chats fall silent while the network is bad: their first beacon may be lost.
        if (n % 40 === 39) await new Promise((resolve) => setTimeout(resolve, 150));
      }
      bus.network = () => arrives;
      bus.catchUp();
      await until('all to be told', () => owner.size === 0);
      expect(losses > 20 && repeats > 5 && late > 10, 'a network that is bad').to.equal(true);
      for (const { user, client } of people) {
        await client.request({ id: 'end', type: 'ping' });
        const chats = [group, ...pairs.filter(({ users }) => users.includes(user)).map(({ id }) => id)];
        for (const id of chats) {
          const head = heads.get(id) ?? 0;
          const seen = client.frames.filter(({ type, chat_id }) => type === 'message.new' && chat_id === id);
          // As clients do: a frame beyond the next one is a gap, and they fetch; so does who is told `resync`.
          const known = Math.max(firsts.get(id) ?? 0, ...seen.map(({ seq }) => seq as number));
          const told = client.frames.some(({ type, chat_id }) => type === 'resync' && chat_id === id);
          expect(known === head || told, `${id}: knows of ${known} of ${head}`).to.equal(true);
        }
      }
    });
});
