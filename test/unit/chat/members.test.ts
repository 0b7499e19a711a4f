import { expect } from 'chai';
import type { ChatNoted } from '../../../schemas/chat/events.ts';
import { newId } from '../../../schemas/ids.ts';
import { limits } from '../../../schemas/limits.ts';
import {
  type Answered,
  type Asked,
  aGroup,
  aPrivateChat,
  createGroup,
  memoryChat,
  userOf,
} from '../../support/chat-driver.ts';

const refusalIn = ({ refusal }: Answered) => refusal && `${refusal.code} ${refusal.reason}`;
const actions = ({ events }: Answered) =>
  events.map(({ message: { service } }) =>
    [service?.action, service?.user_id, service?.role].join(' ').trim(),
  );
const add = (...ids: string[]): Asked => ({ type: 'member.add', users: ids.map((id) => userOf(id)) });

describe('chat rules: members of a group', () => {
  it('creation takes seq 1 and one seq for each further member, and waits to be stored', async () => {
    const [owner, one, two] = [newId(), newId(), newId()];
    const { driver } = memoryChat();
    await driver.load();
    const made = await driver.ask(owner, createGroup(owner, [one, two, one]));
    expect(made.gate).to.equal('stored');
    expect(actions(made)).to.deep.equal(['created', `joined ${one}`, `joined ${two}`]);
    expect(made.events.map(({ message }) => message.seq)).to.deep.equal([1, 2, 3]);
    expect(made.reply).to.deep.include({ created: true });
    expect(made.reply?.chat).to.deep.include({ head: 3, members_count: 3, role: 'owner', type: 'group' });
  });

  it('creating it again changes nothing and gives it as it is', async () => {
    const { chat, owner, member, stranger } = await aGroup();
    const again = await chat.ask(owner, createGroup(owner, [member]));
    expect(again.events).to.deep.equal([]);
    expect(again.gate).to.equal('stored');
    expect(again.reply).to.deep.include({ created: false });
    expect(refusalIn(await chat.ask(stranger, createGroup(stranger, [])))).to.equal('conflict id_taken');
  });

  it('any member adds members, one seq each; those who are in it cost none', async () => {
    const { chat, member, other } = await aGroup();
    const [one, two] = [newId(), newId()];
    const added = await chat.ask(member, add(one, other, two, one));
    expect(actions(added)).to.deep.equal([`joined ${one}`, `joined ${two}`]);
    expect(added.reply).to.deep.equal({ seq: 7, not_added: [] });
    expect(added.gate).to.equal('stored');
    const none = await chat.ask(member, add(one));
    expect(none.reply).to.deep.equal({ seq: 7, not_added: [] });
    expect(none.events).to.deep.equal([]);
  });

  it('whom an admin removed only an admin brings back, and he cannot join by himself', async () => {
    const { chat, owner, admin, member, other } = await aGroup();
    await chat.ask(owner, { type: 'chat.update', username: 'the_group' });
    await chat.ask(admin, { type: 'member.remove', user_id: member });
    expect(refusalIn(await chat.ask(member, { type: 'chat.join' }))).to.equal('forbidden removed');
    expect((await chat.ask(other, add(member))).reply).to.deep.include({ not_added: [member] });
    expect(actions(await chat.ask(admin, add(member)))).to.deep.equal([`joined ${member}`]);
  });

  it('who left by himself may be added by anybody, and joins again where the chat is public', async () => {
    const { chat, owner, member, other } = await aGroup();
    await chat.ask(member, { type: 'chat.leave' });
    expect(actions(await chat.ask(other, add(member)))).to.deep.equal([`joined ${member}`]);
    await chat.ask(member, { type: 'chat.leave' });
    expect(refusalIn(await chat.ask(member, { type: 'chat.join' }))).to.equal('not_found no_chat');
    await chat.ask(owner, { type: 'chat.update', username: 'the_group' });
    const joined = await chat.ask(member, { type: 'chat.join' });
    expect(actions(joined)).to.deep.equal([`joined ${member}`]);
    expect(joined.reply?.chat).to.deep.include({ role: 'member', username: 'the_group', head: 10 });
    const again = await chat.ask(member, { type: 'chat.join' });
    expect(again.events).to.deep.equal([]);
    expect(again.reply?.chat).to.deep.include({ role: 'member', head: 10 });
  });

  it('a leaving owner is followed by the oldest admin', async () => {
    const { chat, owner, admin } = await aGroup();
    const left = await chat.ask(owner, { type: 'chat.leave' });
    expect(actions(left)).to.deep.equal([`left ${owner}`, `role ${admin} owner`]);
    expect(left.reply).to.deep.equal({ seq: 7 });
    expect((left.events[0] as ChatNoted).members_count).to.equal(3);
  });

  it('without admins by the oldest member, and an empty group has no owner', async () => {
    const [owner, one, two] = [newId(), newId(), newId()];
    const { driver } = memoryChat();
    await driver.load();
    await driver.ask(owner, createGroup(owner, [one, two]));
    expect(actions(await driver.ask(owner, { type: 'chat.leave' }))).to.deep.equal([
      `left ${owner}`,
      `role ${one} owner`,
    ]);
    await driver.ask(one, { type: 'chat.leave' });
    expect(actions(await driver.ask(two, { type: 'chat.leave' }))).to.deep.equal([`left ${two}`]);
  });

  it('admins remove members, only the owner removes admins, nobody the owner', async () => {
    const { chat, owner, admin, member, other } = await aGroup();
    const remove = (user_id: string): Asked => ({ type: 'member.remove', user_id });
    expect(refusalIn(await chat.ask(member, remove(other)))).to.equal('forbidden not_admin');
    expect(refusalIn(await chat.ask(admin, remove(owner)))).to.equal('forbidden not_owner');
    expect(refusalIn(await chat.ask(admin, remove(newId())))).to.equal('not_found no_member');
    expect(actions(await chat.ask(admin, remove(member)))).to.deep.equal([`removed ${member}`]);
    expect(refusalIn(await chat.ask(admin, remove(member)))).to.equal('not_found no_member');
    await chat.ask(admin, { type: 'member.role', user_id: other, role: 'admin' });
    expect(refusalIn(await chat.ask(admin, remove(other)))).to.equal('forbidden not_owner');
    expect(actions(await chat.ask(owner, remove(other)))).to.deep.equal([`removed ${other}`]);
  });

  it('removing oneself is leaving', async () => {
    const { chat, member } = await aGroup();
    const left = await chat.ask(member, { type: 'member.remove', user_id: member });
    expect(actions(left)).to.deep.equal([`left ${member}`]);
  });

  it('admins appoint, only the owner makes an admin a member again, the owner stays', async () => {
    const { chat, owner, admin, member, other } = await aGroup();
    const role = (user_id: string, to: 'admin' | 'member'): Asked => ({
      type: 'member.role',
      user_id,
      role: to,
    });
    expect(refusalIn(await chat.ask(member, role(other, 'admin')))).to.equal('forbidden not_admin');
    expect(refusalIn(await chat.ask(admin, role(owner, 'member')))).to.equal('forbidden owner');
    expect(actions(await chat.ask(admin, role(member, 'admin')))).to.deep.equal([`role ${member} admin`]);
    expect(refusalIn(await chat.ask(admin, role(member, 'member')))).to.equal('forbidden not_owner');
    expect(actions(await chat.ask(owner, role(member, 'member')))).to.deep.equal([`role ${member} member`]);
    const same = await chat.ask(owner, role(member, 'member'));
    expect(same.events).to.deep.equal([]);
    expect(same.reply).to.deep.equal({ seq: 7 });
    expect(refusalIn(await chat.ask(owner, role(newId(), 'admin')))).to.equal('not_found no_member');
  });

  it('admins rename; what is the same already takes no seq', async () => {
    const { chat, admin, member } = await aGroup();
    expect(refusalIn(await chat.ask(member, { type: 'chat.update', title: 'Mine' }))).to.equal(
      'forbidden not_admin',
    );
    const renamed = await chat.ask(admin, { type: 'chat.update', title: 'New', about: 'About it' });
    expect(renamed.events[0]?.message.service).to.deep.equal({
      action: 'updated',
      title: 'New',
      about: 'About it',
    });
    expect(renamed.gate).to.equal('stored');
    const same = await chat.ask(admin, { type: 'chat.update', title: 'New' });
    expect(same.events).to.deep.equal([]);
    expect((await chat.ask(member, { type: 'chat.get' })).reply?.chat).to.deep.include({
      title: 'New',
      role: 'member',
    });
  });

  it('a group takes 10,000 members and not one more', async function () {
    this.timeout(120_000);
    const owner = newId();
    const { driver } = memoryChat();
    await driver.load();
    await driver.ask(owner, createGroup(owner, []));
    await driver.ask(owner, { type: 'chat.update', username: 'crowd' });
    await driver.ask(owner, add(...Array.from({ length: limits.groupMembers - 2 }, () => newId())));
    const [last, one] = [newId(), newId()];
    expect(refusalIn(await driver.ask(owner, add(last, one)))).to.equal('unprocessable chat_full');
    expect((await driver.ask(owner, add(last))).events).to.have.length(1);
    expect(refusalIn(await driver.ask(one, { type: 'chat.join' }))).to.equal('unprocessable chat_full');
    expect((await driver.ask(owner, add(last))).refusal).to.equal(undefined);
  });

  it('strangers and former members learn nothing, not even that the chat is there', async () => {
    const { chat, owner, admin, member, stranger } = await aGroup();
    await chat.ask(admin, { type: 'member.remove', user_id: member });
    const { driver: nowhere } = memoryChat();
    await nowhere.load();
    const asks: Asked[] = [
      add(newId()),
      { type: 'chat.get' },
      { type: 'chat.join' },
      { type: 'chat.leave' },
      { type: 'chat.update', title: 'x' },
      { type: 'history', limit: 10 },
      { type: 'member.remove', user_id: owner },
      { type: 'member.role', user_id: owner, role: 'admin' },
      { type: 'message.send', client_id: newId(), kind: 'text', text: 'hi' },
      { type: 'message.edit', target: 1, text: 'x' },
      { type: 'message.delete', target: 1 },
      { type: 'reaction.set', target: 1, emoji: '👍' },
      { type: 'read', seq: 1 },
      { type: 'typing', active: true },
    ];
    for (const asked of asks) {
      expect(refusalIn(await nowhere.ask(stranger, asked)), asked.type).to.equal('not_found no_chat');
      expect(refusalIn(await chat.ask(stranger, asked)), asked.type).to.equal('not_found no_chat');
      expect(refusalIn(await chat.ask(member, asked)), asked.type).to.equal('not_found no_chat');
    }
    expect((await chat.ask(stranger, { type: 'chat.entry' })).reply).to.deep.include({
      member: false,
      head: 0,
    });
  });
});

describe('chat rules: private chats', () => {
  it('are made once, whichever of the two asks, and neither owns them', async () => {
    const { chat, ann, bob } = await aPrivateChat();
    const number = chat.state.facts?.number;
    const again = await chat.ask(bob, {
      type: 'chat.create',
      chat_type: 'private',
      number: -1,
      title: null,
      about: null,
      users: [userOf(bob), userOf(ann, 'Ann')],
    });
    expect(again.events).to.deep.equal([]);
    expect(again.reply).to.deep.include({ created: false });
    expect(again.reply?.chat).to.deep.include({
      role: 'member',
      number,
      peer: userOf(ann, 'Ann'),
      head: 1,
    });
    expect(again.reply?.chat).not.to.have.property('username');
  });

  it('have their two members for ever, and no title', async () => {
    const { chat, ann, bob, stranger } = await aPrivateChat();
    const asks: Asked[] = [
      add(stranger),
      { type: 'chat.leave' },
      { type: 'chat.join' },
      { type: 'chat.update', title: 'x' },
      { type: 'member.remove', user_id: bob },
      { type: 'member.remove', user_id: ann },
      { type: 'member.role', user_id: bob, role: 'admin' },
    ];
    for (const asked of asks.filter(({ type }) => type !== 'chat.join'))
      expect(refusalIn(await chat.ask(ann, asked)), asked.type).to.equal('forbidden private_chat');
    expect(refusalIn(await chat.ask(stranger, { type: 'chat.join' }))).to.equal('not_found no_chat');
    expect(refusalIn(await chat.ask(ann, { type: 'chat.join' }))).to.equal('forbidden private_chat');
  });

  it('a chat under an id that is not of the pair is not made', async () => {
    const [ann, bob] = [newId(), newId()];
    const { driver } = memoryChat();
    await driver.load();
    let failed = false;
    await driver
      .ask(ann, {
        type: 'chat.create',
        chat_type: 'private',
        number: 1,
        title: null,
        about: null,
        users: [userOf(ann), userOf(bob)],
      })
      .catch(() => {
        failed = true;
      });
    expect(failed).to.equal(true);
    expect(driver.state.head).to.equal(0);
  });

  it('the page of members goes on behind the last of the page before', async () => {
    const { chat, owner, admin, member, other } = await aGroup();
    const page = async (members_after: number) =>
      (await chat.ask(owner, { type: 'chat.get', members_after, members_limit: 3 })).reply as {
        members: { user_id: string; role: string }[];
        next?: number;
      };
    const first = await page(0);
    expect(first.members.map(({ user_id, role }) => [user_id, role])).to.deep.equal([
      [owner, 'owner'],
      [admin, 'admin'],
      [member, 'member'],
    ]);
    await chat.ask(admin, { type: 'chat.leave' });
    const second = await page(first.next ?? 0);
    expect(second.members.map(({ user_id }) => user_id)).to.deep.equal([other]);
    expect(second.next).to.equal(undefined);
  });
});
