import { expect } from 'chai';
import { privateChatId } from '../../../schemas/chat/private-id.ts';
import { newId } from '../../../schemas/ids.ts';
import {
  type Asked,
  aGroup,
  aPrivateChat,
  createPrivate,
  memoryChat,
  text,
  userOf,
} from '../../support/chat-driver.ts';

describe('chat rules: blocks', () => {
  it('refuse what would be heard, and nothing else, whoever of the two has set one', async () => {
    for (const blocker of ['ann', 'bob'] as const) {
      const made = await aPrivateChat();
      const { chat, tables, ann, bob } = made;
      const client_id = newId();
      await chat.ask(ann, text('before', { client_id }));
      tables.blocks.add(blocker === 'ann' ? `${ann}/${bob}` : `${bob}/${ann}`);
      const told = await chat.ask(bob, { type: 'chat.blocks', user_id: ann });
      expect(told.events, 'it is no event').to.deep.equal([]);
      const refusals = await Promise.all([
        chat.ask(ann, text('new')),
        chat.ask(bob, text('new')),
        chat.ask(ann, { type: 'message.edit', target: 2, text: 'changed' }),
        chat.ask(bob, { type: 'reaction.set', target: 2, emoji: '🙂' }),
        chat.ask(bob, { type: 'typing', active: true }),
      ]);
      for (const { refusal, frames } of refusals) {
        expect(refusal).to.include({ code: 'forbidden', reason: 'blocked' });
        expect(frames).to.deep.equal([]);
      }
      const allowed = [
        await chat.ask(ann, text('before', { client_id })),
        await chat.ask(bob, { type: 'read', seq: 2 }),
        await chat.ask(bob, { type: 'history', limit: 10 }),
        await chat.ask(bob, { type: 'reaction.set', target: 2, emoji: null }),
        await chat.ask(ann, { type: 'message.delete', target: 2 }),
      ];
      for (const { refusal } of allowed) expect(refusal).to.equal(undefined);
      tables.blocks.clear();
      await chat.ask(ann, { type: 'chat.blocks', user_id: bob });
      expect((await chat.ask(bob, text('after'))).refusal).to.equal(undefined);
    }
  });

  it('are looked for before a private chat is made, and a chat that is there is given all the same', async () => {
    const [ann, bob] = [newId(), newId()];
    const { driver, tables } = memoryChat(privateChatId(ann, bob));
    await driver.load();
    tables.blocks.add(`${bob}/${ann}`);
    expect((await driver.ask(ann, createPrivate(ann, bob))).refusal).to.include({ reason: 'blocked' });
    tables.blocks.clear();
    const closed = { ...createPrivate(ann, bob), closed: true } as Asked;
    expect((await driver.ask(ann, closed)).refusal).to.include({ code: 'forbidden', reason: 'privacy' });
    expect(driver.log).to.deep.equal([]);
    expect((await driver.ask(bob, createPrivate(bob, ann))).reply).to.include({ created: true });
    tables.blocks.add(`${bob}/${ann}`);
    expect((await driver.ask(ann, closed)).reply).to.include({ created: false });
    await driver.flush();
    const again = memoryChat(driver.id, 100, tables).driver;
    await again.load();
    expect((await again.ask(ann, text('loaded'))).refusal).to.include({ reason: 'blocked' });
  });

  it('leave out of a group who does not let the caller add them, unless they are in it', async () => {
    const { chat, member, other, stranger } = await aGroup();
    const third = newId();
    const users = [other, stranger, third].map((id) => userOf(id));
    const { reply } = await chat.ask(member, { type: 'member.add', users, closed: [other, stranger] });
    expect(reply).to.deep.equal({ seq: 6, not_added: [stranger] });
    expect(chat.state.members.has(third)).to.equal(true);
    expect(chat.state.members.has(stranger)).to.equal(false);
  });
});
