import { expect } from 'chai';
import type { Chat, ChatEntry, Member, Message } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import type { Profile } from '../../../schemas/user/profile.ts';
import { message } from './frames/cases.ts';
import { useProduct } from './support/program.ts';
import { freshName, say } from './support/secrets.ts';
import { newGroup, newPeople, newPrivate, newUser, type Person } from './support/users.ts';

/** Everything that a user may read of one chat, over socket and REST, asked at the same moment. */
async function everything(who: Person, chat_id: string, head: number) {
  const path = `/api/v1/chats/${chat_id}`;
  const [history, changes, sync, list, messages, got, one, members] = await Promise.all([
    who.socket.request('history', { chat_id, limit: 5 }),
    who.socket.request('history', { chat_id, after: Math.max(0, head - 1) }),
    who.socket.request('sync', {}),
    who.rest<{ items: ChatEntry[] }>('GET', '/api/v1/chats?limit=100'),
    who.rest<{ messages: Message[]; head: number }>('GET', `${path}/messages?limit=5`),
    who.socket.request('chat.get', { chat_id }),
    who.rest<Chat>('GET', path),
    who.rest<{ items: Member[] }>('GET', `${path}/members?limit=100`),
  ]);
  const inList = list.body.items.find(({ chat }) => chat.id === chat_id);
  const inSync = sync.chats.find(({ chat }) => chat.id === chat_id);
  expect(inList).to.deep.equal(inSync);
  expect(messages.body).to.deep.equal(history);
  expect(one.body).to.deep.equal(got.chat);
  expect(members.body.items).to.deep.equal(got.members);
  expect(inSync?.chat).to.deep.equal(got.chat);
  return { history, changes, entry: inSync as ChatEntry, chat: got.chat, members: got.members };
}

describe('whatever was answered is in the very next read of the same user, over socket and REST:', () => {
  let stop: () => Promise<void>;
  // Before the sockets close.
  after(() => stop());
  useProduct();

  /** Others write all the while, so that batches and flushes are never at rest. */
  before(async () => {
    const people = await newPeople('one', 'two', 'three', 'four');
    const [one, two, three, four] = people;
    const chats = [
      await newGroup(one, two, three, four),
      await newPrivate(one, two),
      await newGroup(three, four),
    ];
    const [all = '', pair = '', rest = ''] = chats.map(({ id }) => id);
    const places = [
      [one, all],
      [two, pair],
      [three, rest],
      [four, all],
    ] as const;
    let writing = true;
    const loops = places.map(async ([who, chat_id]) => {
      while (writing)
        await Promise.all([1, 2, 3].map(() => who.socket.request('message.send', message(chat_id))));
    });
    stop = async () => {
      writing = false;
      await Promise.all(loops);
    };
  });

  it('a group, its members and its changes', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const cem = await newUser('cem');
    for (let round = 0; round < 5; round++) {
      const { chat } = await ann.socket.request('chat.create', {
        chat_type: 'group',
        title: say(),
        member_ids: [bob.id],
      });
      const seen = await everything(ann, chat.id, chat.head);
      expect(seen.chat).to.deep.equal(chat);
      expect(seen.members.map(({ user }) => user.id)).to.deep.equal([ann.id, bob.id]);

      const title = say('renamed');
      const path = `/api/v1/chats/${chat.id}`;
      const renamed = await ann.rest<{ seq: number }>('PATCH', path, { title, username: freshName() });
      const after = await everything(ann, chat.id, renamed.body.seq);
      expect(after.chat).to.include({ title, head: renamed.body.seq });
      expect(after.history.messages[0]).to.include({ seq: renamed.body.seq, kind: 'service' });

      const added = await ann.socket.request('member.add', { chat_id: chat.id, user_ids: [cem.id] });
      const three = await everything(ann, chat.id, added.seq);
      expect(three.members.map(({ user }) => user.id)).to.deep.equal([ann.id, bob.id, cem.id]);
      expect(three.chat.members_count).to.equal(3);
      const theirs = await cem.rest<{ items: ChatEntry[] }>('GET', '/api/v1/chats');
      expect(theirs.body.items[0]?.chat.id).to.equal(chat.id);

      const role = { chat_id: chat.id, user_id: bob.id, role: 'admin' } as const;
      const appointed = await ann.socket.request('member.role', role);
      const roles = (await everything(ann, chat.id, appointed.seq)).members.map((member) => member.role);
      expect(roles).to.deep.equal(['owner', 'admin', 'member']);

      await ann.rest('DELETE', `${path}/members/${cem.id}`);
      expect((await cem.rest<{ items: unknown[] }>('GET', '/api/v1/chats')).body.items).to.deep.equal([]);
      expect((await cem.rest('GET', path)).status).to.equal(404);
      await bob.socket.request('chat.leave', { chat_id: chat.id });
      const { chats, gone } = await bob.socket.request('sync', { chats: { [chat.id]: [2, 2] } });
      expect({ chats, gone }).to.deep.equal({ chats: [], gone: [chat.id] });
      expect((await bob.rest('GET', `${path}/messages`)).status).to.equal(404);
    }
  });

  for (const kind of ['group', 'private'] as const)
    it(`messages and what becomes of them, in a ${kind} chat`, async function () {
      this.timeout(60_000);
      const [ann, bob] = await newPeople('ann', 'bob');
      const { id: chat_id } = kind === 'group' ? await newGroup(ann, bob) : await newPrivate(ann, bob);
      const path = `/api/v1/chats/${chat_id}/messages`;
      for (let round = 0; round < 15; round++) {
        const text = say();
        const sent =
          round % 2 === 0
            ? await ann.socket.request('message.send', { ...message(chat_id), text })
            : (await ann.rest<Message>('POST', path, { text, client_id: newId() })).body;
        const seen = await everything(ann, chat_id, sent.seq);
        expect(seen.history.messages[0]).to.include({ text, seq: sent.seq });
        expect(seen.entry).to.include({ head: sent.seq, read: sent.seq, unread: 0 });
        expect(seen.entry.last_message).to.deep.equal(seen.history.messages[0]);
        expect(seen.changes.messages.map(({ seq }) => seq)).to.deep.equal([sent.seq]);

        const edit = say('edited');
        const target = sent.seq;
        const edited = await ann.socket.request('message.edit', { chat_id, target, text: edit });
        const [changed] = (await everything(ann, chat_id, edited.seq)).history.messages;
        expect(changed).to.include({ text: edit, seq: target, changed_seq: edited.seq });

        const reaction = await bob.rest<{ seq: number }>('PUT', `${path}/${target}/reaction`, {
          emoji: '👍',
        });
        const [liked] = (await everything(bob, chat_id, reaction.body.seq)).history.messages;
        expect(liked?.reactions).to.deep.equal([{ emoji: '👍', count: 1, user_ids: [bob.id] }]);
        const marked = await bob.socket.request('read', { chat_id, seq: reaction.body.seq });
        const { entry } = await everything(bob, chat_id, reaction.body.seq);
        expect(entry).to.include({ read: marked.read, unread: 0 });

        const gone = await ann.rest<{ seq: number }>('DELETE', `${path}/${target}`);
        const removed = await everything(ann, chat_id, gone.body.seq);
        expect(removed.history.messages[0]).to.include({ text: '', changed_seq: gone.body.seq });
        expect(removed.entry.last_message).to.deep.equal(removed.history.messages[0]);
      }
    });

  it('who is who', async () => {
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newPrivate(ann, bob);
    for (let round = 0; round < 5; round++) {
      const display_name = say('Ann');
      await ann.rest('PATCH', '/me', { display_name });
      const [me, other, listed] = await Promise.all([
        ann.rest<Profile>('GET', '/me'),
        bob.rest<Profile>('GET', `/api/v1/users/${ann.username}`),
        bob.rest<Chat>('GET', `/api/v1/chats/${chat_id}`),
      ]);
      const names = [me.body.display_name, other.body.display_name, listed.body.peer?.display_name];
      expect(names).to.deep.equal([display_name, display_name, display_name]);
    }
  });

  it('also of many sends of one socket at once, each read following its own answer', async function () {
    this.timeout(60_000);
    const [ann, bob] = await newPeople('ann', 'bob');
    const { id: chat_id } = await newGroup(ann, bob);
    const path = `/api/v1/chats/${chat_id}/messages`;
    const writes = Array.from({ length: 100 }, async (_, at) => {
      const { seq } = await ann.socket.request('message.send', message(chat_id));
      const page =
        at % 2 === 0
          ? await ann.socket.request('history', { chat_id, after: seq - 1, limit: 1 })
          : (await ann.rest<{ messages: Message[] }>('GET', `${path}?after=${seq - 1}&limit=1`)).body;
      expect(page.messages.map((found) => found.seq)).to.deep.equal([seq]);
    });
    await Promise.all(writes);
  });
});
