import { expect } from 'chai';
import { frames } from '../../../actors/chat/frames.ts';
import { messageText } from '../../../actors/chat/message-text.ts';
import type { Outgoing } from '../../../actors/runtime/kind.ts';
import { newId } from '../../../schemas/ids.ts';
import { limits } from '../../../schemas/limits.ts';
import { subjects } from '../../../schemas/subjects.ts';
import {
  aGroup,
  aPrivateChat,
  createGroup,
  createPrivate,
  memoryChat,
  text,
  userOf,
} from '../../support/chat-driver.ts';

/** Where each frame goes, and what it is. */
const told = (frames: readonly Outgoing[]) =>
  frames.map(({ subject, envelope, after }) => {
    const { type } = JSON.parse(envelope.frame) as { type: string };
    return [subject, type, ...(after ? [after] : [])].join(' ');
  });
const frameOf = (outgoing: Outgoing | undefined) => JSON.parse(outgoing?.envelope.frame ?? '{}');

describe('chat frames', () => {
  it("a group's message goes to the chat's subject, with its seq and the newest membership change", async () => {
    const { chat, member } = await aGroup();
    const { frames, events } = await chat.ask(member, text('hi'));
    expect(told(frames)).to.deep.equal([`${subjects.chat(chat.id)} message.new`]);
    expect(frameOf(frames[0])).to.deep.equal({ type: 'message.new', ...events[0]?.message });
    expect(frames[0]?.envelope.chat).to.deep.equal({ id: chat.id, seq: 6, member_seq: 4 });
  });

  it('a private message goes to both users, encoded once', async () => {
    const { chat, ann, bob } = await aPrivateChat();
    const { frames } = await chat.ask(bob, text('hi'));
    expect(told(frames)).to.have.members([
      `${subjects.user(ann)} message.new`,
      `${subjects.user(bob)} message.new`,
    ]);
    expect(frames[0]?.envelope).to.equal(frames[1]?.envelope);
    const changed = await chat.ask(ann, { type: 'reaction.set', target: 2, emoji: '👍' });
    expect(told(changed.frames)).to.have.members([
      `${subjects.user(ann)} message.changed`,
      `${subjects.user(bob)} message.changed`,
    ]);
    expect(changed.frames[0]?.envelope.chat).to.deep.equal({ id: chat.id, seq: 3, member_seq: 1 });
  });

  it('are the same whether the JSON of the event is at hand or not', async () => {
    const { chat, member } = await aGroup();
    const tricky = [
      'hi',
      '","ordinal":9,"member_seq":9}',
      '{"type":"posted","message":{"',
      '\\" \u2028 салом',
    ];
    for (const words of tricky) await chat.ask(member, text(words));
    await chat.ask(member, { type: 'message.edit', target: 6, text: tricky[1] ?? '' });
    await chat.ask(member, { type: 'chat.leave' });
    const events = chat.log.slice(5);
    expect(events.map(({ type }) => type)).to.include.members(['posted', 'changed', 'noted']);
    for (const event of events) {
      const at_hand = frames(chat.id, event, JSON.stringify(event));
      expect(at_hand).to.deep.equal(frames(chat.id, event));
      expect(frameOf(at_hand[0])).to.deep.include(event.message);
      expect(messageText(event, JSON.stringify({ more: 1, ...event }))).to.equal(
        JSON.stringify(event.message),
      );
    }
  });

  it('a change carries the whole message after it', async () => {
    const { chat, member } = await aGroup();
    await chat.ask(member, text('one'));
    const { frames } = await chat.ask(member, { type: 'message.edit', target: 6, text: 'two' });
    expect(frameOf(frames[0])).to.deep.include({
      type: 'message.changed',
      seq: 6,
      changed_seq: 7,
      text: 'two',
    });
    expect(frames[0]?.envelope.chat?.seq).to.equal(7);
  });

  it('both of a new private chat hear of it after the flush, each with the other as peer', async () => {
    const [ann, bob] = [newId(), newId()];
    const { privateChatId } = await import('../../../schemas/chat/private-id.ts');
    const { driver } = memoryChat(privateChatId(ann, bob));
    await driver.load();
    const { frames } = await driver.ask(ann, createPrivate(ann, bob));
    expect(told(frames)).to.deep.equal([
      `${subjects.user(ann)} message.new`,
      `${subjects.user(bob)} message.new`,
      `${subjects.user(ann)} chat.new flushed`,
      `${subjects.user(bob)} chat.new flushed`,
    ]);
    expect(frameOf(frames[2]).chat).to.deep.include({ peer: userOf(bob), role: 'member', head: 1 });
    expect(frameOf(frames[3]).chat).to.deep.include({ peer: userOf(ann), role: 'member', members_count: 2 });
    expect(frames[2]?.envelope.attach).to.equal(undefined);
  });

  it('everybody in a new group hears of it and attaches, with the chat as the whole turn leaves it', async () => {
    const [owner, one] = [newId(), newId()];
    const { driver } = memoryChat();
    await driver.load();
    const { frames } = await driver.ask(owner, createGroup(owner, [one]));
    expect(told(frames)).to.deep.equal([
      `${subjects.chat(driver.id)} message.new`,
      `${subjects.user(owner)} chat.new flushed`,
      `${subjects.chat(driver.id)} message.new`,
      `${subjects.user(one)} chat.new flushed`,
    ]);
    expect(frameOf(frames[1]).chat).to.deep.include({ role: 'owner', head: 2, members_count: 2 });
    expect(frameOf(frames[3]).chat).to.deep.include({ role: 'member', head: 2, members_count: 2 });
    expect(frames[3]?.envelope).to.deep.include({ attach: driver.id });
    expect(frames[3]?.envelope.chat).to.deep.equal({ id: driver.id, member_seq: 2 });
  });

  it('who is removed is named on the frame, hears that the chat is gone, and is not told more', async () => {
    const { chat, admin, member } = await aGroup();
    const { frames } = await chat.ask(admin, { type: 'member.remove', user_id: member });
    expect(told(frames)).to.deep.equal([
      `${subjects.chat(chat.id)} message.new`,
      `${subjects.user(member)} chat.gone`,
    ]);
    expect(frames[0]?.envelope.chat).to.deep.equal({ id: chat.id, seq: 6, member_seq: 6, removed: [member] });
    expect(frameOf(frames[1])).to.deep.equal({ type: 'chat.gone', chat_id: chat.id });
    expect(frames[1]?.envelope.chat).to.deep.equal({ id: chat.id, member_seq: 6, removed: [member] });
    const later = await chat.ask(admin, text('hi'));
    expect(later.frames[0]?.envelope.chat).to.deep.equal({ id: chat.id, seq: 7, member_seq: 6 });
  });

  it('a change of role is no change of membership', async () => {
    const { chat, owner, member } = await aGroup();
    const { frames } = await chat.ask(owner, { type: 'member.role', user_id: member, role: 'admin' });
    expect(frames[0]?.envelope.chat).to.deep.equal({ id: chat.id, seq: 6, member_seq: 4 });
  });

  it('typing may be dropped, and private chats tell it to both', async () => {
    const { chat, ann, bob } = await aPrivateChat();
    const { frames, reply } = await chat.ask(ann, { type: 'typing', active: true });
    expect(reply).to.deep.equal({});
    expect(told(frames)).to.have.members([`${subjects.user(ann)} typing`, `${subjects.user(bob)} typing`]);
    expect(frames[0]?.envelope).to.deep.include({ droppable: true });
    expect(frameOf(frames[0])).to.deep.equal({
      type: 'typing',
      chat_id: chat.id,
      user_id: ann,
      active: true,
    });
  });

  it('typing and read marks are not told in chats of more than 200', async () => {
    const { chat, owner, member, other } = await aGroup();
    const crowd = Array.from({ length: limits.chattyMembers - 4 }, () => userOf(newId()));
    await chat.ask(owner, { type: 'member.add', users: crowd });
    await chat.ask(member, text('hi'));
    expect((await chat.ask(other, { type: 'typing', active: true })).frames).to.have.length(1);
    await chat.ask(owner, { type: 'member.add', users: [userOf(newId())] });
    expect((await chat.ask(other, { type: 'typing', active: true })).frames).to.deep.equal([]);
    const read = await chat.ask(other, { type: 'read', seq: chat.state.head });
    expect(read.frames).to.deep.equal([]);
    expect(read.reply).to.deep.equal({ read: chat.state.head });
  });

  it('a replayed event says the same again', async () => {
    const { chat, member, admin } = await aGroup();
    await chat.ask(member, text('hi'));
    await chat.ask(admin, { type: 'member.remove', user_id: member });
    for (const event of chat.log) {
      const replayed = JSON.parse(JSON.stringify(event)) as typeof event;
      expect(chat.kind.frames(chat.id, replayed)).to.deep.equal(chat.kind.frames(chat.id, event));
    }
  });
});
