import { expect } from 'chai';
import { newId, uuidV7Maker } from '../../../schemas/ids.ts';
import { aGroup, aPrivateChat, text } from '../../support/chat-driver.ts';

const v4 = 'f47ac10b-58cc-4372-a567-0e02b2c3d479';

describe('chat rules: one client_id is one message', () => {
  it('the same client_id gives the same seq and sends nothing twice', async () => {
    const { chat, member } = await aGroup();
    const client_id = newId();
    const first = await chat.ask(member, text('one', { client_id }));
    chat.now += 1000;
    const again = await chat.ask(member, text('another text', { client_id }));
    expect(again.reply).to.deep.equal(first.reply);
    expect(again.events).to.deep.equal([]);
  });

  it('in any case of letters', async () => {
    const { chat, member } = await aGroup();
    const client_id = newId();
    const first = await chat.ask(member, text('one', { client_id: client_id.toUpperCase() }));
    expect(first.events[0]?.message.client_id).to.equal(client_id);
    expect((await chat.ask(member, text('one', { client_id }))).reply).to.deep.equal(first.reply);
  });

  it('of two senders it is two messages', async () => {
    const { chat, ann, bob } = await aPrivateChat();
    const client_id = newId();
    expect((await chat.ask(ann, text('a', { client_id }))).reply?.seq).to.equal(2);
    expect((await chat.ask(bob, text('b', { client_id }))).reply?.seq).to.equal(3);
  });

  it('growing version 7 ids are never looked up', async () => {
    const { chat, member } = await aGroup(4);
    for (let i = 0; i < 30; i++) {
      const command = { ...text(`${i}`), by: member } as Parameters<typeof chat.turn>[0];
      expect(chat.kind.needs(chat.state, command, chat.now)).to.equal(undefined);
      expect(chat.turn(command).events).to.have.length(1);
      await chat.flush();
    }
  });

  it('an id that is not version 7 is found in the tail and in PostgreSQL', async () => {
    const { chat, member } = await aGroup(4);
    const first = await chat.ask(member, text('one', { client_id: v4 }));
    expect((await chat.ask(member, text('one', { client_id: v4 }))).reply).to.deep.equal(first.reply);
    for (let i = 0; i < 30; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    expect(chat.state.tail.floor).to.be.greaterThan(6);
    const command = { ...text('one', { client_id: v4 }), by: member } as Parameters<typeof chat.turn>[0];
    expect(chat.kind.needs(chat.state, command, chat.now)).to.be.a('function');
    expect((await chat.ask(member, text('one', { client_id: v4 }))).reply).to.deep.equal(first.reply);
    const other = 'f47ac10b-58cc-4372-a567-0e02b2c3d47a';
    expect((await chat.ask(member, text('new', { client_id: other }))).events).to.have.length(1);
  });

  it('an old version 7 id that was never seen is looked up, and sent', async () => {
    const { chat, member } = await aGroup(4);
    const past = uuidV7Maker(() => chat.now - 86_400_000)();
    for (let i = 0; i < 30; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    const sent = await chat.ask(member, text('late', { client_id: past }));
    expect(sent.events).to.have.length(1);
    await chat.flush();
    expect((await chat.ask(member, text('late', { client_id: past }))).reply).to.deep.equal(sent.reply);
  });

  it('an id of the future is one message too, also when its time has come', async () => {
    const { chat, member } = await aGroup(4);
    const future = uuidV7Maker(() => chat.now + 3_600_000)();
    const sent = await chat.ask(member, text('early', { client_id: future }));
    for (let i = 0; i < 30; i++) await chat.ask(member, text(`${i}`));
    await chat.flush();
    expect((await chat.ask(member, text('early', { client_id: future }))).reply).to.deep.equal(sent.reply);
    chat.now += 7_200_000;
    expect((await chat.ask(member, text('early', { client_id: future }))).reply).to.deep.equal(sent.reply);
    const between = await chat.ask(member, text('now'));
    expect(between.events).to.have.length(1);
  });

  it('a duplicate is told its seq before every refusal, also after its sender was removed', async () => {
    const { chat, admin, member } = await aGroup(4);
    const [hot, cold] = [newId(), newId()];
    const first = await chat.ask(member, text('cold', { client_id: hot }));
    for (let i = 0; i < 30; i++) await chat.ask(admin, text(`${i}`));
    await chat.flush();
    const second = await chat.ask(member, text('hot', { client_id: cold }));
    await chat.ask(admin, { type: 'member.remove', user_id: member });
    await chat.flush();
    await chat.load();
    expect((await chat.ask(member, text('x', { client_id: hot, reply_to: 999 }))).reply).to.deep.equal(
      first.reply,
    );
    expect((await chat.ask(member, text('x', { client_id: cold }))).reply).to.deep.equal(second.reply);
    expect((await chat.ask(member, text('new'))).refusal?.code).to.equal('not_found');
  });

  it('the greatest id is kept through leaving, coming back, and a reload', async () => {
    const { chat, admin, member } = await aGroup(4);
    const client_id = newId();
    const first = await chat.ask(member, text('one', { client_id }));
    await chat.ask(member, { type: 'chat.leave' });
    for (let i = 0; i < 30; i++) await chat.ask(admin, text(`${i}`));
    const users = [{ id: member, username: 'm', display_name: 'M', avatar: null }];
    await chat.ask(admin, { type: 'member.add', users });
    await chat.flush();
    await chat.load();
    expect((await chat.ask(member, text('one', { client_id }))).reply).to.deep.equal(first.reply);
  });
});
