import { expect } from 'chai';
import type { Message } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import { limits } from '../../../schemas/limits.ts';
import {
  type Answered,
  type Asked,
  aGroup,
  aPrivateChat,
  createGroup,
  memoryChat,
  text,
  userOf,
} from '../../support/chat-driver.ts';

const refusalIn = ({ refusal }: Answered) => refusal && `${refusal.code} ${refusal.reason}`;
const edit = (target: number, words: string): Asked => ({ type: 'message.edit', target, text: words });
const remove = (target: number): Asked => ({ type: 'message.delete', target });
const react = (target: number, emoji: string | null): Asked => ({ type: 'reaction.set', target, emoji });
const messageIn = ({ events }: Answered): Message | undefined => events.at(-1)?.message;

describe('chat rules: messages', () => {
  it('a message takes the next seq and the time now, and its sender has read it', async () => {
    const { chat, member, other } = await aGroup();
    const sent = await chat.ask(member, text('hello'));
    const created_at = new Date(chat.now).toISOString();
    expect(sent.reply).to.deep.equal({ chat_id: chat.id, seq: 6, created_at });
    expect(sent.gate).to.equal('journaled');
    const entry = async (by: string) => (await chat.ask(by, { type: 'chat.entry' })).reply;
    expect(await entry(member)).to.deep.include({ head: 6, read: 6, unread: 0 });
    expect(await entry(other)).to.deep.include({ head: 6, read: 4, unread: 1 });
  });

  it('times never go back where the clock does', async () => {
    const { chat, member } = await aGroup();
    const first = await chat.ask(member, text('one'));
    chat.now -= 3_600_000;
    const second = await chat.ask(member, text('two'));
    expect(second.reply?.created_at).to.equal(first.reply?.created_at);
    const edited = await chat.ask(member, edit(6, 'uno'));
    expect(messageIn(edited)?.edited_at).to.equal(first.reply?.created_at);
  });

  it('messages of a private chat name their receiver', async () => {
    const { chat, ann, bob } = await aPrivateChat();
    expect(messageIn(await chat.ask(bob, text('hi')))).to.deep.include({ sender_id: bob, receiver_id: ann });
  });

  it('a reply must be to a message of the chat, hot or long ago', async () => {
    const { chat, member } = await aGroup(4);
    const missing = 'unprocessable reply_not_found';
    expect(refusalIn(await chat.ask(member, text('re', { reply_to: 6 })))).to.equal(missing);
    await chat.ask(member, text('six'));
    await chat.ask(member, react(6, '👍'));
    expect(refusalIn(await chat.ask(member, text('re', { reply_to: 7 }))), 'a change').to.equal(missing);
    expect(messageIn(await chat.ask(member, text('re', { reply_to: 6 })))?.reply_to).to.equal(6);
    for (let i = 0; i < 20; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    expect(chat.state.tail.floor).to.be.greaterThan(7);
    expect(refusalIn(await chat.ask(member, text('re', { reply_to: 7 }))), 'a change').to.equal(missing);
    expect(messageIn(await chat.ask(member, text('re', { reply_to: 6 })))?.reply_to).to.equal(6);
  });

  it('only the author edits, and the same text again takes no seq', async () => {
    const { chat, owner, member } = await aGroup();
    await chat.ask(member, text('one'));
    expect(refusalIn(await chat.ask(owner, edit(6, 'x')))).to.equal('forbidden not_author');
    const edited = await chat.ask(member, edit(6, 'two'));
    expect(edited.reply).to.deep.equal({ seq: 7 });
    expect(messageIn(edited)).to.deep.include({ seq: 6, changed_seq: 7, text: 'two' });
    const same = await chat.ask(member, edit(6, 'two'));
    expect(same.events).to.deep.equal([]);
    expect(same.reply).to.deep.equal({ seq: 7 });
  });

  it('authors and admins delete; the message keeps its place, empty, without reactions', async () => {
    const { chat, admin, member, other } = await aGroup();
    await chat.ask(member, text('one'));
    await chat.ask(other, react(6, '👍'));
    expect(refusalIn(await chat.ask(other, remove(6)))).to.equal('forbidden not_author');
    const removed = await chat.ask(admin, remove(6));
    expect(removed.reply).to.deep.equal({ seq: 8 });
    expect(messageIn(removed)).to.deep.include({ seq: 6, text: '', changed_seq: 8, sender_id: member });
    expect(messageIn(removed)?.reactions).to.deep.equal([]);
    expect(messageIn(removed)?.deleted_at).to.be.a('string');
    await chat.ask(other, text('two'));
    expect((await chat.ask(other, remove(9))).reply).to.deep.equal({ seq: 10 });
  });

  it('in a private chat each deletes only his own', async () => {
    const { chat, ann, bob } = await aPrivateChat();
    await chat.ask(ann, text('one'));
    expect(refusalIn(await chat.ask(bob, remove(2)))).to.equal('forbidden not_author');
    expect((await chat.ask(ann, remove(2))).reply).to.deep.equal({ seq: 3 });
  });

  it('what is deleted is gone for edits, reactions and a second deletion', async () => {
    const { chat, member } = await aGroup();
    await chat.ask(member, text('one'));
    await chat.ask(member, remove(6));
    for (const asked of [remove(6), edit(6, 'x'), react(6, '👍')])
      expect(refusalIn(await chat.ask(member, asked)), asked.type).to.equal('gone already_deleted');
  });

  it('service messages stay as they are, and what is no message cannot be changed', async () => {
    const { chat, owner, member } = await aGroup();
    await chat.ask(member, text('one'));
    await chat.ask(member, edit(6, 'two'));
    for (const asking of [(seq: number) => edit(seq, 'x'), remove, (seq: number) => react(seq, '👍')]) {
      expect(refusalIn(await chat.ask(owner, asking(1)))).to.equal('forbidden service_message');
      expect(refusalIn(await chat.ask(owner, asking(7)))).to.equal('not_found no_message');
      expect(refusalIn(await chat.ask(owner, asking(100)))).to.equal('not_found no_message');
    }
  });

  it('a message has so many different emojis; those that are there take more', async () => {
    const { driver: chat } = memoryChat();
    await chat.load();
    const [owner, ...others] = Array.from({ length: limits.emojis + 3 }, () => newId());
    await chat.ask(owner as string, createGroup(owner as string, others.slice(0, 100)));
    await chat.ask(owner as string, { type: 'member.add', users: others.slice(100).map((id) => userOf(id)) });
    const seq = Number((await chat.ask(owner as string, text('one'))).reply?.seq);
    const longest = (at: number) => `${'\u0001'.repeat(13)}${String(at).padStart(3, '0')}`;
    const [late, last, ...early] = others as [string, string, ...string[]];
    for (const [at, id] of early.slice(0, limits.emojis - 1).entries())
      await chat.ask(id, react(seq, longest(at)));
    const full = await chat.ask(early.at(-1) as string, react(seq, longest(limits.emojis - 1)));
    expect(messageIn(full)?.reactions).to.have.length(limits.emojis);
    expect(refusalIn(await chat.ask(late, react(seq, '👍')))).to.equal('unprocessable too_many_emojis');
    const more = await chat.ask(last, react(seq, longest(1)));
    expect(messageIn(more)?.reactions[1]).to.include({ count: 2 });
    // The only one of its emoji gives room.
    const other = await chat.ask(early[0] as string, react(seq, '👍'));
    expect(messageIn(other)?.reactions).to.have.length(limits.emojis);
  });

  it('one reaction per user; the same again, or taking back none, takes no seq', async () => {
    const { chat, owner, member, other } = await aGroup();
    await chat.ask(member, text('one'));
    await chat.ask(owner, react(6, '👍'));
    await chat.ask(other, react(6, '🔥'));
    const joined = await chat.ask(member, react(6, '👍'));
    expect(messageIn(joined)?.reactions).to.deep.equal([
      { emoji: '👍', count: 2, user_ids: [owner, member] },
      { emoji: '🔥', count: 1, user_ids: [other] },
    ]);
    const same = await chat.ask(member, react(6, '👍'));
    expect(same.events).to.deep.equal([]);
    expect(same.reply).to.deep.equal({ seq: 9 });
    const changed = await chat.ask(owner, react(6, '🔥'));
    expect(messageIn(changed)?.reactions).to.deep.equal([
      { emoji: '🔥', count: 2, user_ids: [other, owner] },
      { emoji: '👍', count: 1, user_ids: [member] },
    ]);
    expect((await chat.ask(owner, react(6, null))).reply).to.deep.equal({ seq: 11 });
    expect((await chat.ask(owner, react(6, null))).events).to.deep.equal([]);
  });

  it('names the first ten who reacted, and counts all', async () => {
    const { chat, owner } = await aGroup();
    const crowd = Array.from({ length: 12 }, () => newId());
    const users = crowd.map((id) => ({ id, username: id, display_name: id, avatar: null }));
    await chat.ask(owner, { type: 'member.add', users });
    const sent = await chat.ask(owner, text('one'));
    const seq = sent.reply?.seq as number;
    for (const id of crowd) await chat.ask(id, react(seq, '👍'));
    const page = (await chat.ask(owner, { type: 'history', limit: 1 })).reply as { messages: Message[] };
    expect(page.messages[0]?.reactions).to.deep.equal([
      { emoji: '👍', count: 12, user_ids: crowd.slice(0, 10) },
    ]);
  });

  it('old messages are read before they are changed, with everybody who reacted', async () => {
    const { chat, owner, member, other } = await aGroup(4);
    await chat.ask(member, text('old'));
    for (const by of [owner, other]) await chat.ask(by, react(6, '👍'));
    for (let i = 0; i < 20; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    expect(chat.state.tail.floor).to.be.greaterThan(6);
    const reacted = await chat.ask(member, react(6, '🔥'));
    expect(messageIn(reacted)?.reactions).to.deep.equal([
      { emoji: '👍', count: 2, user_ids: [owner, other] },
      { emoji: '🔥', count: 1, user_ids: [member] },
    ]);
    const edited = await chat.ask(member, edit(6, 'new'));
    expect(messageIn(edited)).to.deep.include({ text: 'new', seq: 6 });
    expect(messageIn(edited)?.reactions).to.deep.equal(messageIn(reacted)?.reactions);
    await chat.flush();
    await chat.load();
    const taken = await chat.ask(owner, react(6, null));
    expect(messageIn(taken)?.reactions.map(({ emoji, count }) => [emoji, count])).to.deep.equal([
      ['👍', 1],
      ['🔥', 1],
    ]);
    expect(refusalIn(await chat.ask(owner, edit(7, 'x'))), 'a change of old').to.equal(
      'not_found no_message',
    );
  });

  it('what was read for one turn is not taken for what another needs', async () => {
    const { chat, member } = await aGroup(4);
    const needing = { type: 'reaction.set', target: 6, emoji: '👍', by: member } as const;
    await chat.ask(member, text('old'));
    for (let i = 0; i < 20; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    const need = chat.kind.needs(chat.state, needing, chat.now);
    const put = await need?.();
    put?.(chat.state);
    expect(refusalIn(chat.turn({ ...needing, target: 7 }))).to.equal('unavailable unread');
    expect(chat.turn(needing).events).to.have.length(1);
  });

  it('a tail that shrinks between reading and the turn takes nothing away', async () => {
    const { chat, owner, member } = await aGroup(4);
    const first = await chat.ask(member, text('to be answered'));
    for (let i = 0; i < 20; i++) await chat.ask(member, text(`${i}`));
    await chat.flush(10);
    expect(chat.state.tail.floor).to.be.greaterThan(1);
    await chat.load();
    chat.log.length = 0;
    // A client_id that must be looked up, and a reply that is still in the tail.
    const reply_to = chat.state.head;
    const { by, ...send } = {
      ...text('re', { reply_to, client_id: '00000000-0000-4000-8000-000000000001' }),
      by: owner,
    };
    const command = { ...send, by } as Parameters<typeof chat.turn>[0];
    const read = chat.kind.needs(chat.state, command, chat.now);
    expect(first.reply?.seq).to.equal(6);
    const put = await read?.();
    chat.state.tail.recent = [];
    chat.state.tail.floor = chat.state.head + 1;
    put?.(chat.state);
    expect(messageIn(chat.turn(command))?.reply_to).to.equal(reply_to);
  });
});

describe('chat rules: read marks', () => {
  it('go forward only, never past the head, and tell small chats', async () => {
    const { chat, member, other } = await aGroup();
    for (let i = 0; i < 3; i++) await chat.ask(member, text(`${i}`));
    const read = (seq: number): Asked => ({ type: 'read', seq });
    const moved = await chat.ask(other, read(7));
    expect(moved.reply).to.deep.equal({ read: 7 });
    expect(moved.events).to.deep.equal([]);
    expect(moved.frames.map(({ envelope }) => JSON.parse(envelope.frame))).to.deep.equal([
      { type: 'read', chat_id: chat.id, user_id: other, seq: 7 },
    ]);
    expect((await chat.ask(other, { type: 'chat.entry' })).reply).to.deep.include({ unread: 1, read: 7 });
    const back = await chat.ask(other, read(6));
    expect(back.reply).to.deep.equal({ read: 7 });
    expect(back.frames).to.deep.equal([]);
    expect((await chat.ask(other, read(1000))).reply).to.deep.equal({ read: 8 });
    expect((await chat.ask(other, { type: 'chat.entry' })).reply).to.deep.include({ unread: 0 });
    expect(chat.marks).to.deep.equal([
      { user_id: other, read: 7, ordinal: 2 },
      { user_id: other, read: 8, ordinal: 3 },
    ]);
  });

  it('count messages of others up to a mark far below the tail', async () => {
    const { chat, member, other } = await aGroup(4);
    for (let i = 0; i < 30; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    expect(chat.state.tail.floor).to.be.greaterThan(10);
    expect((await chat.ask(other, { type: 'read', seq: 10 })).reply).to.deep.equal({ read: 10 });
    expect((await chat.ask(other, { type: 'chat.entry' })).reply).to.deep.include({ unread: 25 });
  });

  it('who joins later starts with nothing unread', async () => {
    const { chat, owner, member } = await aGroup();
    for (let i = 0; i < 3; i++) await chat.ask(member, text(`${i}`));
    const late = newId();
    const users = [{ id: late, username: 'late', display_name: 'Late', avatar: null }];
    await chat.ask(owner, { type: 'member.add', users });
    expect((await chat.ask(late, { type: 'chat.entry' })).reply).to.deep.include({ unread: 0, read: 9 });
  });

  it("the peer's mark is told in private chats", async () => {
    const { chat, ann, bob } = await aPrivateChat();
    await chat.ask(ann, text('hi'));
    await chat.ask(bob, { type: 'read', seq: 2 });
    expect((await chat.ask(ann, { type: 'chat.entry' })).reply).to.deep.include({ peer_read: 2, read: 2 });
    expect((await chat.ask(bob, { type: 'chat.entry' })).reply).to.deep.include({ peer_read: 2, read: 2 });
  });
});
