import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { arrives, lost } from '../../support/lossy-bus.ts';
import { until } from '../../support/until.ts';
import { connectReady, heard, resynced, resyncs, texts } from './clients.ts';
import { losing, useLossyScene } from './lossy-scene.ts';
import { chatAsks } from './support.ts';
import { TestChat } from './test-chat.ts';

describe('gateway: what a lossy bus loses', () => {
  const scene = useLossyScene();
  const { member, say, beacons, told } = scene;
  const frame = (text: string, type: string) => JSON.stringify({ type, text });

  it('tells the members of a group whose last frame was lost, and nobody without need', async () => {
    const [one, two] = [await member(), await member()];
    say(4);
    await told(1, one.client, two.client);
    expect(resyncs(one.client)).to.deep.equal([]);
    scene.bus.network = losing('5');
    say(5);
    for (const { client } of [one, two]) await resynced(client, scene.group.id);
    await told(3, one.client);
    expect(resyncs(one.client), 'once').to.deep.equal([scene.group.id]);
  });

  it('does not send a crowd to fetch in one moment', async () => {
    const crowd = await Promise.all(Array.from({ length: 230 }, member));
    const came: number[] = [];
    // Nothing else is said to them.
    for (const { client } of crowd) client.ws.addEventListener('message', () => came.push(performance.now()));
    scene.bus.network = losing('4');
    say(4);
    await until('the last', () => came.length === crowd.length);
    const [first = 0, last = 0] = [came[0], came.at(-1)];
    const soon = came.filter((at) => at < first + 500).length;
    expect(last - first).to.be.above(2000);
    expect(soon).to.be.below(115);
    for (const { client } of crowd) expect(resyncs(client)).to.deep.equal([scene.group.id]);
  });

  it('tells the one of a private chat whose last frame was lost on his subject, and not the other', async () => {
    const [ann, bob, chat] = [newId(), newId(), new TestChat()];
    const [toAnn, toBob] = [await connectReady(scene.test, ann), await connectReady(scene.test, bob)];
    const sayBoth = (seq: number) => {
      const envelope = chat.message(`${seq}`, seq);
      for (const user of [ann, bob]) scene.owner.publish(subjects.user(user), envelope);
    };
    sayBoth(1);
    await told(2, toAnn, toBob);
    scene.bus.network = (subject, { chat: note }) =>
      note?.seq === 2 && note.head_age_ms === undefined && subject === subjects.user(bob) ? lost : arrives;
    sayBoth(2);
    await resynced(toBob, chat.id);
    // Its last word, too.
    await told(6, toAnn, toBob);
    expect(texts(toAnn)).to.deep.equal(['1', '2']);
    expect(resyncs(toAnn)).to.deep.equal([]);
    expect(resyncs(toBob)).to.deep.equal([chat.id]);
  });

  it('does not send to fetch what left before a client connected: his first sync brings it', async () => {
    const user = newId();
    scene.group.members.add(user);
    scene.bus.network = (_, { chat }) => (chat?.head_age_ms === undefined ? lost : arrives);
    say(4);
    scene.owner.publish(subjects.user(user), new TestChat().message('9', 9));
    const client = await connectReady(scene.test, user);
    await told(2, client);
    expect(resyncs(client)).to.deep.equal([]);
    say(5);
    await resynced(client, scene.group.id);
  });

  it('repairs also where the first beacon was lost with the frame', async () => {
    const { client } = await member();
    scene.bus.network = () => lost;
    say(4);
    await until('the first beacon', () => beacons().length === 1);
    scene.bus.network = () => arrives;
    await resynced(client, scene.group.id);
    expect(beacons()).to.have.length(2);
  });

  it('detaches a removed member although exactly the frame that removes him was lost, then silence', async () => {
    const [stays, leaves] = [await member(), await member()];
    say(4);
    await heard(leaves.client, '4');
    scene.group.memberSeq = 5;
    scene.group.members.delete(leaves.user);
    scene.bus.network = (_, { chat }) => (chat?.removed !== undefined ? lost : arrives);
    say(5, { removed: [leaves.user] });
    scene.owner.publish(subjects.user(leaves.user), {
      frame: frame('gone', 'chat.gone'),
      chat: { id: scene.group.id, member_seq: 5, removed: [leaves.user] },
    });
    // Nothing else is said: the beacon makes the gateway ask.
    await resynced(leaves.client, scene.group.id);
    await resynced(stays.client, scene.group.id);
    const asked = chatAsks(scene.test).length;
    expect(asked).to.equal(1);
    say(6);
    // An old frame that is late is not for him either.
    scene.owner.publish(subjects.chat(scene.group.id), {
      frame: frame('typing', 'typing'),
      chat: { id: scene.group.id, member_seq: 5 },
    });
    await heard(stays.client, 'typing');
    await leaves.client.request({ id: 'p', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal(['4']);
    expect(texts(stays.client)).to.deep.equal(['4', '6', 'typing']);
    expect(chatAsks(scene.test)).to.have.length(asked);
  });

  it('asks before a removed member hears anything more, although all that told of it was lost', async () => {
    const [stays, leaves] = [await member(), await member()];
    scene.group.memberSeq = 4;
    scene.group.members.delete(leaves.user);
    scene.bus.network = () => lost;
    say(4, { removed: [leaves.user] });
    await until('the beacon', () => beacons().length === 1);
    scene.bus.network = () => arrives;
    say(5);
    await heard(stays.client, '5');
    await leaves.client.request({ id: 'p', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal([]);
  });

  it('detaches him on the word that went to himself, where nothing of the chat came through', async () => {
    const leaves = await member();
    scene.group.memberSeq = 4;
    scene.group.members.delete(leaves.user);
    const own = subjects.user(leaves.user);
    scene.bus.network = (subject, { chat }) =>
      subject === own && chat?.head_age_ms !== undefined ? arrives : lost;
    say(4, { removed: [leaves.user] });
    scene.owner.publish(own, {
      frame: frame('gone', 'chat.gone'),
      chat: { id: scene.group.id, member_seq: 4, removed: [leaves.user] },
    });
    await resynced(leaves.client, scene.group.id);
    await until('the question', () => scene.test.asked.some(({ kind }) => kind === 'chat'));
    scene.bus.network = () => arrives;
    say(5);
    await leaves.client.request({ id: 'p', type: 'ping' });
    expect(texts(leaves.client)).to.deep.equal([]);
  });

  it('does not detach who was removed and added again, whatever an old word says', async () => {
    const { user, client } = await member();
    scene.group.memberSeq = 7;
    scene.bus.publish(subjects.user(user), {
      frame: '',
      chat: { id: scene.group.id, seq: 5, member_seq: 5, removed: [user], head_age_ms: 2000 },
    });
    say(8);
    await heard(client, '8');
    expect(texts(client)).to.deep.equal(['8']);
  });

  it('attaches a new member whose announcement was lost, on the owner’s word, and tells him', async () => {
    const user = newId();
    const client = await connectReady(scene.test, user);
    scene.group.members.add(user);
    scene.bus.network = (_, { chat }) => (chat?.head_age_ms === undefined ? lost : arrives);
    scene.owner.publish(subjects.user(user), {
      frame: frame('new', 'chat.new'),
      chat: { id: scene.group.id, member_seq: 3 },
      attach: scene.group.id,
    });
    await resynced(client, scene.group.id);
    scene.bus.network = () => arrives;
    say(4);
    await heard(client, '4');
  });

  it('attaches nobody on the word of a beacon whom the owner does not know', async () => {
    const stays = await member();
    const user = newId();
    const client = await connectReady(scene.test, user);
    scene.bus.publish(subjects.user(user), {
      frame: '',
      chat: { id: scene.group.id, seq: 3, member_seq: 3, head_age_ms: 2000 },
      attach: scene.group.id,
    });
    await until('the question', () => scene.test.asked.some(({ kind }) => kind === 'chat'));
    say(4);
    await heard(stays.client, '4');
    await client.request({ id: 'p', type: 'ping' });
    expect(texts(client)).to.deep.equal([]);
    expect(resyncs(client)).to.deep.equal([]);
  });
});
