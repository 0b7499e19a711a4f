import { expect } from 'chai';
import type { Chat } from '../../../schemas/chat/wire.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { useProduct } from './support/program.ts';
import { rest } from './support/rest.ts';
import { freshName, say } from './support/secrets.ts';
import { newGroup, newPeople, newUser, type User } from './support/users.ts';

describe('conditional requests', () => {
  useProduct();

  const tagOf = ({ headers }: { headers: Headers }) => headers.get('etag') ?? '';
  const as = (user: User, match?: string) => ({
    token: user.tokens.access_token,
    ...(match !== undefined && { headers: { 'if-match': match } }),
  });
  const changed = { status: 409, code: 'conflict', reason: 'changed' };

  for (const [change, path] of [
    ['PATCH', '/me'],
    ['PUT', '/api/v1/users/profile'],
  ] as const)
    describe(`on one's profile, by ${change} ${path}`, () => {
      const read = (user: User) => rest<OwnProfile>('GET', path, as(user));
      const write = (user: User, bio: string, match?: string) =>
        rest<Problem & OwnProfile>(change, path, { ...as(user, match), body: { bio } });

      it('change what the client has seen, and refuse to change anything else', async () => {
        const user = await newUser();
        const seen = tagOf(await read(user));
        expect(seen).to.match(/^"[\w-]{22}"$/);
        const first = await write(user, say(), seen);
        expect(first.status).to.equal(200);
        expect(tagOf(first)).to.not.equal(seen);
        expect(tagOf(await read(user))).to.equal(tagOf(first));
        const { status, body } = await write(user, say(), seen);
        expect({ status, code: body.code, reason: body.reason }).to.deep.equal(changed);
        expect((await read(user)).body.bio).to.equal(first.body.bio);
        for (const match of [`"x", ${tagOf(first)}`, '*'])
          expect((await write(user, first.body.bio ?? '', match)).status, match).to.equal(200);
      });

      it('let one of two win who have seen the same', async () => {
        const user = await newUser();
        const seen = tagOf(await read(user));
        const texts = [say(), say(), say(), say()];
        const answers = await Promise.all(texts.map((bio) => write(user, bio, seen)));
        const won = answers.filter(({ status }) => status === 200);
        expect(won).to.have.length(1);
        expect(answers.filter(({ status }) => status === 409)).to.have.length(3);
        expect((await read(user)).body.bio).to.equal(won[0]?.body.bio);
      });

      it('are refused where they are none, and weak tags fit nothing', async () => {
        const user = await newUser();
        const seen = tagOf(await read(user));
        const bad = await write(user, say(), 'nonsense');
        expect(bad.body).to.include({ status: 400, code: 'invalid', reason: 'bad_if_match' });
        expect((await write(user, say(), `W/${seen}`)).status).to.equal(409);
      });

      it('send nothing again to who holds it', async () => {
        const user = await newUser();
        const seen = tagOf(await read(user));
        const ask = (tag: string) =>
          rest<string>('GET', path, { token: user.tokens.access_token, headers: { 'if-none-match': tag } });
        const again = await ask(seen);
        expect([again.status, again.body, tagOf(again)]).to.deep.equal([304, '', seen]);
        expect((await ask('"other"')).status).to.equal(200);
      });
    });

  describe('on a group', () => {
    const path = (id: string) => `/api/v1/chats/${id}`;
    const read = (user: User, id: string) => rest<Chat>('GET', path(id), as(user));
    const write = (user: User, id: string, body: object, match?: string) =>
      rest<Problem>('PATCH', path(id), { ...as(user, match), body });

    it('refuse a title over one that the client has not seen; messages between do not matter', async () => {
      const [owner, member] = await newPeople('ann', 'bob');
      const { id } = await newGroup(owner, member);
      const seen = tagOf(await read(owner, id));
      expect(tagOf(await read(member, id))).to.equal(seen);
      await rest('POST', `${path(id)}/messages`, { ...as(member), body: { text: say() } });
      const title = say();
      expect((await write(owner, id, { title }, seen)).status).to.equal(200);
      const late = await write(owner, id, { title: say(), about: say() }, seen);
      expect(late.body).to.include(changed);
      const now = await read(owner, id);
      expect(now.body).to.include({ title, about: null });
      expect(tagOf(now)).to.not.equal(seen);
      expect((await write(owner, id, { about: say() }, tagOf(now))).status).to.equal(200);
    });

    it('give a public name back that was meant for another version', async () => {
      const [owner] = await newPeople('ann');
      const [{ id }, { id: other }] = [await newGroup(owner), await newGroup(owner)];
      const username = freshName('group');
      expect((await write(owner, id, { username }, '"stale"')).body).to.include(changed);
      expect((await write(owner, other, { username })).status).to.equal(200);
    });

    it('tell a member without the right nothing of the version', async () => {
      const [owner, member] = await newPeople('ann', 'bob');
      const { id } = await newGroup(owner, member);
      expect((await write(member, id, { title: say() }, '"stale"')).body).to.include({ code: 'forbidden' });
    });
  });
});
