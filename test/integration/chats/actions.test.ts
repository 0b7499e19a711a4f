import { expect } from 'chai';
import type { Chat } from '../../../schemas/chat/wire.ts';
import type { Refusal } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { type Chats, startChats } from './support.ts';

interface Created {
  chat: Chat;
  created: boolean;
}

describe('chats service: making and changing chats', function () {
  this.timeout(60_000);
  let chats: Chats;

  before(async () => {
    chats = await startChats();
  });
  after(() => chats?.stop());
  afterEach(() => chats.flush.release());

  const refusal = async (asked: Promise<unknown>): Promise<string> => {
    const refused = await asked.then(
      () => undefined,
      (error: { refusal?: Refusal }) => error.refusal,
    );
    return `${refused?.code} ${refused?.reason}`;
  };

  it('a private chat is made once for its two, by id or username', async () => {
    const [ann, bob] = [await chats.aUser('ann_private'), await chats.aUser('bob_private')];
    const first = await chats.as<Created>(ann, 'create', { chat_type: 'private', username: 'BOB_private' });
    expect(first.created).to.equal(true);
    expect(first.chat).to.deep.include({ type: 'private', members_count: 2, role: 'member' });
    expect(first.chat.peer).to.deep.include({ id: bob, username: 'bob_private' });
    const again = await chats.as<Created>(bob, 'create', { chat_type: 'private', user_id: ann });
    expect(again.created).to.equal(false);
    expect(again.chat).to.deep.include({ id: first.chat.id, number: first.chat.number });
    expect(again.chat.peer).to.deep.include({ id: ann });
  });

  it('made from both sides at once it is one chat', async () => {
    const [ann, bob] = [await chats.aUser(), await chats.aUser()];
    const [one, other] = await Promise.all([chats.privately(ann, bob), chats.privately(bob, ann)]);
    expect(one.id).to.equal(other.id);
    const history = await chats.as<{ head: number }>(ann, 'history', { chat_id: one.id });
    expect(history.head).to.equal(1);
  });

  it('what cannot be made is refused with its reason', async () => {
    const ann = await chats.aUser();
    const make = (params: object) => refusal(chats.as(ann, 'create', params));
    expect(await make({ chat_type: 'private', user_id: ann })).to.equal('unprocessable oneself');
    expect(await make({ chat_type: 'private', user_id: newId() })).to.equal('not_found no_user');
    expect(await make({ chat_type: 'private', username: 'nobody_at_all' })).to.equal('not_found no_user');
    expect(await make({ chat_type: 'private' })).to.equal('unprocessable one_user');
    expect(await make({ chat_type: 'private', user_id: newId(), title: 'x' })).to.equal(
      'unprocessable not_for_private',
    );
    expect(await make({ chat_type: 'group' })).to.equal('unprocessable title_required');
    expect(await make({ chat_type: 'group', title: 'x', user_id: ann })).to.equal(
      'unprocessable not_for_group',
    );
    expect(await make({ chat_type: 'group', title: 'x', member_ids: [newId()] })).to.equal(
      'not_found no_user',
    );
  });

  it('a group that was made is in the very next list of every member, and they are told', async () => {
    const [owner, member] = [await chats.aUser(), await chats.aUser()];
    const { id } = await chats.group(owner, [member, owner, member], 'Fresh');
    for (const by of [owner, member]) {
      const { items } = await chats.as<{ items: { chat: Chat }[] }>(by, 'list', { limit: 20 });
      expect(items.map(({ chat }) => chat.id)).to.deep.equal([id]);
      const told = chats.envelopes.filter(
        ({ subject, envelope }) => subject === `user.${by}` && envelope.attach === id,
      );
      expect(told.map(({ envelope }) => JSON.parse(envelope.frame).type)).to.deep.equal(['chat.new']);
    }
  });

  it('who is no user is not added, and is listed', async () => {
    const [owner, one] = [await chats.aUser(), await chats.aUser()];
    const { id } = await chats.group(owner, []);
    const nobody = newId();
    const added = await chats.as(owner, 'add_members', { chat_id: id, user_ids: [nobody, one, owner] });
    expect(added).to.deep.equal({ seq: 2, not_added: [nobody] });
    expect(await refusal(chats.as(newId(), 'add_members', { chat_id: id, user_ids: [one] }))).to.equal(
      'not_found no_chat',
    );
  });

  it('a public name belongs to one group, in any case of letters, until it is given up', async () => {
    const [ann, bob] = [await chats.aUser(), await chats.aUser()];
    const [first, second] = [await chats.group(ann, []), await chats.group(bob, [])];
    const name = (by: string, chat: Chat, username: string | null) =>
      chats.as(by, 'update', { chat_id: chat.id, username });
    await name(ann, first, 'Town_Square');
    expect(await refusal(name(bob, second, 'town_square'))).to.equal('conflict username_taken');
    await name(ann, first, 'Town_Hall');
    await name(bob, second, 'town_square');
    expect(await refusal(name(ann, first, 'TOWN_SQUARE'))).to.equal('conflict username_taken');
    const { username } = await chats.as<Chat>(ann, 'one', { chat_id: first.id });
    expect(username).to.equal('Town_Hall');
    await name(bob, second, null);
    await name(ann, first, 'TOWN_SQUARE');
    await chats.cold();
    expect((await chats.as<Chat>(ann, 'one', { chat_id: first.id })).username).to.equal('TOWN_SQUARE');
    expect((await chats.as<Chat>(bob, 'one', { chat_id: second.id })).username).to.equal(null);
  });

  it('a refused change of name reserves nothing', async () => {
    const [owner, member] = [await chats.aUser(), await chats.aUser()];
    const { id } = await chats.group(owner, [member]);
    const direct = await chats.privately(owner, member);
    const update = (by: string, chat_id: string) =>
      refusal(chats.as(by, 'update', { chat_id, username: 'reserved_name' }));
    expect(await update(member, id)).to.equal('forbidden not_admin');
    expect(await update(owner, direct.id)).to.equal('forbidden private_chat');
    expect(await update(newId(), id)).to.equal('not_found no_chat');
    const other = await chats.group(member, []);
    await chats.as(member, 'update', { chat_id: other.id, username: 'reserved_name' });
  });

  it('anybody joins a public group, and nobody another', async () => {
    const [owner, guest] = [await chats.aUser(), await chats.aUser()];
    const { id } = await chats.group(owner, []);
    expect(await refusal(chats.as(guest, 'join', { chat_id: id }))).to.equal('not_found no_chat');
    await chats.as(owner, 'update', { chat_id: id, username: 'open_house' });
    const { chat } = await chats.as<Created>(guest, 'join', { chat_id: id });
    expect(chat).to.deep.include({ id, role: 'member', members_count: 2, username: 'open_house' });
  });

  it('calls without a caller are refused', async () => {
    const call = chats.call('chats.list', { limit: 20 }, { request_id: 'r' });
    expect(await refusal(call)).to.equal('unauthenticated undefined');
  });
});
