import { expect } from 'chai';
import type { Chat, ChatEntry, Message } from '../../../schemas/chat/wire.ts';
import { type Chats, startChats } from './support.ts';

interface Page {
  messages: Message[];
  head: number;
  has_more: boolean;
}
interface List {
  items: ChatEntry[];
  next_cursor: string | null;
}
interface Synced {
  chats: ChatEntry[];
  gone: string[];
  next_cursor?: string;
}

describe('chats service: whatever was answered is in the next read', function () {
  this.timeout(60_000);
  let chats: Chats;

  before(async () => {
    chats = await startChats();
  });
  after(() => chats?.stop());
  afterEach(() => chats.flush.release());

  const texts = ({ messages }: Page) => messages.map(({ text, service }) => service?.action ?? text);

  async function aGroup() {
    const [owner, member] = [await chats.aUser(), await chats.aUser()];
    const chat = await chats.group(owner, [member]);
    return { owner, member, chat, chat_id: chat.id };
  }

  it('history has what was acked, before and after the flush, in memory and out of it', async () => {
    const { owner, chat_id } = await aGroup();
    chats.flush.hold();
    for (const text of ['one', 'two', 'three']) await chats.send(owner, chat_id, text);
    const read = () => chats.as<Page>(owner, 'history', { chat_id, limit: 4 });
    const hot = await read();
    expect(texts(hot)).to.deep.equal(['three', 'two', 'one', 'joined']);
    expect(hot).to.deep.include({ head: 5, has_more: true });
    chats.flush.release();
    expect(await read()).to.deep.equal(hot);
    await chats.cold();
    expect(await read()).to.deep.equal(hot);
  });

  it('a cold chat is read from SQL alone, and reading does not bring it into memory', async () => {
    const { owner, chat_id } = await aGroup();
    await chats.send(owner, chat_id, 'one');
    await chats.cold();
    const after = await chats.as<Page>(owner, 'history', { chat_id, after: 1 });
    expect(texts(after)).to.deep.equal(['joined', 'one']);
    expect(after).to.deep.include({ head: 3, has_more: false });
    const around = await chats.as<Page>(owner, 'history', { chat_id, around: 2, limit: 2 });
    expect(texts(around)).to.deep.equal(['one', 'joined']);
    await chats.as(owner, 'get', { chat_id });
    await chats.as(owner, 'list', { limit: 20 });
    await chats.as(owner, 'sync', {});
    await chats.as(owner, 'attach', {});
    expect(chats.host.stats().actors.chat).to.equal(0);
  });

  it('an edit of an old message is seen before it is flushed, over the row that PostgreSQL has', async () => {
    const { owner, chat_id } = await aGroup();
    for (let i = 0; i < 130; i++) await chats.send(owner, chat_id, `${i}`);
    await chats.cold();
    await chats.send(owner, chat_id, 'newest');
    chats.flush.hold();
    await chats.tell(owner, chat_id, { type: 'message.edit', target: 5, text: 'edited' });
    await chats.tell(owner, chat_id, { type: 'reaction.set', target: 6, emoji: '👍' });
    const before = await chats.as<Page>(owner, 'history', { chat_id, before: 8, limit: 4 });
    expect(texts(before)).to.deep.equal(['4', '3', 'edited', '1']);
    expect(before.messages[1]?.reactions).to.deep.equal([{ emoji: '👍', count: 1, user_ids: [owner] }]);
    const after = await chats.as<Page>(owner, 'history', { chat_id, after: 100, limit: 200 });
    expect(after.messages.slice(-3).map(({ text }) => text)).to.deep.equal(['newest', 'edited', '3']);
    expect(after).to.deep.include({ head: 135, has_more: false });
    chats.flush.release();
    await chats.cold();
    expect(await chats.as<Page>(owner, 'history', { chat_id, before: 8, limit: 4 })).to.deep.equal(before);
    expect(await chats.as<Page>(owner, 'history', { chat_id, after: 100, limit: 200 })).to.deep.equal(after);
  });

  it('pages while messages are sent and flushed lead to every message once', async () => {
    const { owner, member, chat_id } = await aGroup();
    let sent = 0;
    const sending = (async () => {
      for (; sent < 300; sent++) {
        await chats.send(sent % 2 ? owner : member, chat_id, `${sent}`);
        if (sent % 50 === 20)
          await chats.tell(owner, chat_id, { type: 'reaction.set', target: 3, emoji: `${sent}` });
      }
    })();
    const held = new Map<number, Message>();
    let after = 0;
    for (let done = false; !done; ) {
      done = sent >= 300;
      const page = await chats.as<Page>(member, 'history', { chat_id, after, limit: 7 });
      for (const message of page.messages) {
        expect(message.changed_seq).to.be.greaterThan(after);
        after = message.changed_seq;
        held.set(message.seq, message);
      }
      if (!page.has_more) after = page.head;
      else done = false;
    }
    await sending;
    await chats.cold();
    const last = await chats.as<Page>(member, 'history', { chat_id, after, limit: 200 });
    for (const message of last.messages) held.set(message.seq, message);
    const whole: Message[] = [];
    for (let before: number | undefined; ; before = whole.at(-1)?.seq) {
      const page = await chats.as<Page>(member, 'history', {
        chat_id,
        limit: 200,
        ...(before && { before }),
      });
      whole.push(...page.messages);
      if (!page.has_more) break;
    }
    expect([...held.values()].sort((a, b) => b.seq - a.seq)).to.deep.equal(whole);
    expect(whole.filter(({ kind }) => kind === 'text')).to.have.length(300);
  });

  it('the chat list and sync show the newest message, head, marks and unread before the flush', async () => {
    const { owner, member, chat_id } = await aGroup();
    const other = await chats.group(owner, [member], 'Other');
    chats.flush.hold();
    await chats.send(owner, chat_id, 'hello');
    const entry = async (by: string) => (await chats.as<List>(by, 'list', { limit: 20 })).items;
    const seen = await entry(member);
    expect(seen.map(({ chat }) => chat.id)).to.deep.equal([chat_id, other.id]);
    expect(seen[0]).to.deep.include({ head: 3, read: 2, unread: 1 });
    expect(seen[0]?.last_message?.text).to.equal('hello');
    expect(seen[0]?.chat).to.deep.include({ head: 3, role: 'member', members_count: 2 });
    await chats.tell(member, chat_id, { type: 'read', seq: 3 });
    expect((await entry(member))[0]).to.deep.include({ read: 3, unread: 0 });
    const synced = await chats.as<Synced>(member, 'sync', {
      chats: { [chat_id]: [2, 2], [other.id]: [2, 2] },
    });
    expect(synced.chats.map(({ chat, head, read }) => [chat.id, head, read])).to.deep.equal([
      [chat_id, 3, 3],
    ]);
    const hot = await entry(member);
    chats.flush.release();
    await chats.cold();
    expect(await entry(member)).to.deep.equal(hot);
    expect((await entry(owner))[0]).to.deep.include({ head: 3, read: 3, unread: 0 });
  });

  it('the list goes on behind its cursor, by type and by search', async () => {
    const [ann, bob] = [await chats.aUser('ann_of_list'), await chats.aUser('Bob_Of_List')];
    const made: Chat[] = [];
    for (let i = 0; i < 5; i++) made.push(await chats.group(ann, [], `Number ${i}`));
    const direct = await chats.privately(ann, bob);
    const read = (more: object) => chats.as<List>(ann, 'list', { limit: 2, ...more });
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const { items, next_cursor } = await read(cursor ? { cursor } : {});
      seen.push(...items.map(({ chat }) => chat.id));
      cursor = next_cursor;
    }
    expect(seen).to.deep.equal([direct.id, ...made.map(({ id }) => id).reverse()]);
    expect((await read({ type: 'private' })).items.map(({ chat }) => chat.peer?.username)).to.deep.equal([
      'Bob_Of_List',
    ]);
    expect((await read({ search: '@bob_of' })).items.map(({ chat }) => chat.id)).to.deep.equal([direct.id]);
    expect((await read({ search: 'NUMBER 3' })).items.map(({ chat }) => chat.id)).to.deep.equal([
      made[3]?.id,
    ]);
    expect((await read({ search: 'nothing like it' })).items).to.deep.equal([]);
    const error = await read({ cursor: 'nonsense' }).catch((thrown) => thrown);
    expect(error.refusal).to.deep.include({ code: 'invalid', reason: 'bad_cursor' });
  });

  it('sync tells which chats are gone, and only those', async () => {
    const { owner, member, chat_id } = await aGroup();
    const kept = await chats.group(owner, [member], 'Kept');
    await chats.tell(owner, chat_id, { type: 'member.remove', user_id: member });
    const unknown = '00000000-0000-4000-8000-000000000000';
    const held = { [chat_id]: [2, 2], [kept.id]: [2, 2], [unknown]: [1, 1] };
    const hot = await chats.as<Synced>(member, 'sync', { chats: held });
    expect(hot).to.deep.equal({ chats: [], gone: [chat_id, unknown] });
    await chats.cold();
    expect(await chats.as<Synced>(member, 'sync', { chats: held })).to.deep.equal(hot);
    const less = await chats.as<Synced>(member, 'sync', { chats: { [kept.id]: [9, 2] } });
    expect(less.chats.map(({ head }) => head)).to.deep.equal([2]);
  });

  it('a private chat shows the peer and how far he has read', async () => {
    const [ann, bob] = [await chats.aUser(), await chats.aUser()];
    const { id } = await chats.privately(ann, bob);
    await chats.send(ann, id, 'hi');
    await chats.tell(bob, id, { type: 'read', seq: 2 });
    const entry = async () => (await chats.as<Synced>(ann, 'sync', {})).chats[0];
    const hot = await entry();
    expect(hot).to.deep.include({ peer_read: 2, unread: 0, read: 2 });
    expect(hot?.chat.peer).to.deep.include({ id: bob });
    expect(hot?.last_message?.receiver_id).to.equal(bob);
    await chats.cold();
    expect(await entry()).to.deep.equal(hot);
  });

  it('attaching lists the groups that the user is in, with the newest membership change', async () => {
    const { owner, member, chat_id } = await aGroup();
    await chats.privately(owner, member);
    const left = await chats.group(owner, [member]);
    await chats.tell(member, left.id, { type: 'chat.leave' });
    const attach = (by: string) =>
      chats.as<{ chats: { id: string; member_seq: number }[] }>(by, 'attach', {});
    expect(await attach(member)).to.deep.equal({ chats: [{ id: chat_id, member_seq: 2 }] });
    const both = [
      { id: chat_id, member_seq: 2 },
      { id: left.id, member_seq: 3 },
    ];
    expect((await attach(owner)).chats).to.have.deep.members(both);
    await chats.cold();
    expect((await attach(owner)).chats).to.have.deep.members(both);
    expect(await attach(member)).to.deep.equal({ chats: [{ id: chat_id, member_seq: 2 }] });
  });

  it('former members and strangers read nothing, in memory and out of it', async () => {
    const { owner, member, chat_id } = await aGroup();
    const stranger = await chats.aUser();
    await chats.tell(owner, chat_id, { type: 'member.remove', user_id: member });
    for (const how of ['hot', 'cold']) {
      if (how === 'cold') await chats.cold();
      for (const by of [member, stranger])
        for (const [action, params] of [
          ['history', {}],
          ['get', {}],
          ['one', {}],
          ['members', { limit: 20 }],
          ['message', { seq: 1 }],
        ] as const) {
          const error = await chats.as(by, action, { chat_id, ...params }).catch((thrown) => thrown);
          expect(error.refusal?.code, `${how} ${action}`).to.equal('not_found');
        }
    }
  });

  it('members come in pages, the longest first, in memory and out of it', async () => {
    const { owner, member, chat_id } = await aGroup();
    const more = [await chats.aUser(), await chats.aUser(), await chats.aUser()];
    await chats.as(member, 'add_members', { chat_id, user_ids: more });
    const all = async () => {
      const seen: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const params = { chat_id, limit: 2, ...(cursor && { cursor }) };
        const page = await chats.as<{ items: { user: { id: string } }[]; next_cursor: string | null }>(
          owner,
          'members',
          params,
        );
        seen.push(...page.items.map(({ user }) => user.id));
        cursor = page.next_cursor;
      }
      return seen;
    };
    expect(await all()).to.deep.equal([owner, member, ...more]);
    const hot = await chats.as(owner, 'get', { chat_id });
    await chats.cold();
    expect(await all()).to.deep.equal([owner, member, ...more]);
    expect(await chats.as(owner, 'get', { chat_id })).to.deep.equal(hot);
  });

  it('more chats than a page of sync come all, newest activity first', async () => {
    const [ann, bob] = [await chats.aUser(), await chats.aUser()];
    const ids: string[] = [];
    for (let i = 0; i < 30; i++) {
      const { id } = await chats.group(ann, [bob], `${i}`);
      await chats.send(bob, id, '🙂'.repeat(4096));
      ids.push(id);
    }
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined; ; pages++) {
      const page = await chats.as<Synced>(ann, 'sync', cursor === undefined ? {} : { cursor });
      expect(Buffer.byteLength(JSON.stringify(page))).to.be.at.most(260 * 1024);
      seen.push(...page.chats.map(({ chat }) => chat.id));
      // A chat that moves to the top between two pages is told all the same.
      if (pages === 0) await chats.send(bob, ids[0] as string, 'moved');
      cursor = page.next_cursor;
      if (cursor === undefined) break;
    }
    expect(pages).to.be.greaterThan(1);
    expect(new Set(seen)).to.deep.equal(new Set(ids));
    expect(seen[0]).to.equal(ids[29]);
  });
});
