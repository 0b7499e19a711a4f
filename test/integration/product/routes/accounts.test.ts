import { expect } from 'chai';
import type { Login, Tokens } from '../../../../schemas/rest/accounts.ts';
import type { Problem } from '../../../../schemas/rest/problem.ts';
import type { OwnProfile, Profile } from '../../../../schemas/user/profile.ts';
import { everyPage } from '../support/pages.ts';
import { useProduct } from '../support/program.ts';
import { rest } from '../support/rest.ts';
import { freshAddress, freshName, freshPassword, keepSecret, say } from '../support/secrets.ts';
import { newUser, newUsers } from '../support/users.ts';

async function post<Body = Problem>(path: string, body: object) {
  const answer = await rest<Body & Problem>('POST', `/api/v1/auth/${path}`, { body });
  const { code, reason } = answer.body;
  return { ...answer, refused: { status: answer.status, code, reason } };
}

const entry = (more: object = {}) => ({
  email: freshAddress(),
  username: freshName(),
  password: freshPassword(),
  ...more,
});

describe('registering', () => {
  useProduct();

  it('answers the account as its user sees it', async () => {
    const [first_name, last_name] = [say('Ann'), say('Lee')];
    const body = entry({ first_name, last_name });
    const answer = await post<Tokens>('register', body);
    const { user, access_token, refresh_token } = answer.body;
    keepSecret(access_token);
    keepSecret(refresh_token);
    expect(user).to.deep.equal({
      id: user.id,
      number: user.number,
      username: body.username,
      first_name,
      last_name,
      display_name: `${first_name} ${last_name}`,
      bio: null,
      about: null,
      level: null,
      avatar: null,
      created_at: user.created_at,
      updated_at: user.created_at,
      followers_count: 0,
      followings_count: 0,
      is_following: false,
      email: body.email,
      email_verified: false,
      timezone: null,
      interests_txt: null,
      role: 'user',
      settings: {},
    });
  });

  it('is refused for a username that is taken in any case, or reserved, and passwords that are none', async () => {
    const { username } = await newUser();
    const taken = { status: 409, code: 'conflict', reason: 'username_taken' };
    for (const name of [username, username.toUpperCase()])
      expect((await post('register', entry({ username: name }))).refused).to.deep.equal(taken);
    for (const name of ['admin', 'ROOT', 'Profile', 'follow', 'user12'])
      expect((await post('register', entry({ username: name }))).refused).to.deep.equal({
        status: 422,
        code: 'unprocessable',
        reason: 'username_reserved',
      });
    for (const name of ['ab', 'x'.repeat(31), '1abc', 'a-b-c', 'a b c', 'é_é_é'])
      expect((await post('register', entry({ username: name }))).refused).to.include({ status: 400 });
    const long = entry({ password: 'é'.repeat(37) });
    expect((await post('register', long)).refused).to.include({ status: 422, reason: 'password_too_long' });
    expect((await post('register', entry({ password: 'short' }))).refused).to.include({ status: 400 });
  });

  it('of one name at once makes one account', async () => {
    const username = freshName();
    const answers = await Promise.all([1, 2, 3, 4].map(() => post('register', entry({ username }))));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, 409, 409, 409]);
  });

  it('answers the same whether the address is known or not', async () => {
    const { email } = await newUser();
    expect((await post('register', entry({ email }))).status).to.equal(201);
  });
});

describe('logging in', () => {
  useProduct();

  it('takes username or address, in any case, each time with a login of its own', async () => {
    const { username, email, password, id } = await newUser();
    const names = [{ login: username }, { login: email }, { username: username.toUpperCase() }, { email }];
    const logins = new Set<string>();
    for (const name of names) {
      const { status, body } = await post<Tokens>('login', { ...name, password });
      expect([status, body.user.id]).to.deep.equal([200, id]);
      logins.add(keepSecret(body.refresh_token));
    }
    expect(logins.size).to.equal(4);
  });

  it('refuses a wrong password and an unknown name with the same words', async () => {
    const { username, email } = await newUser();
    const wrong = [{ username }, { email }, { login: freshName() }, { email: freshAddress() }];
    for (const name of wrong) {
      const { refused, body } = await post('login', { ...name, password: freshPassword() });
      expect(refused).to.deep.equal({ status: 401, code: 'unauthenticated', reason: 'bad_credentials' });
      expect(body.detail).to.equal('The name or the password is wrong');
    }
  });
});

describe('profiles', () => {
  useProduct();

  it('take what PATCH names, clear what is null, and leave the rest', async () => {
    const ann = await newUser();
    const changes = {
      display_name: say('Ann'),
      first_name: say('Ann'),
      last_name: say('Lee'),
      username: freshName('ann'),
      bio: say(),
      about: say(),
      level: 'B2',
      timezone: 'Asia/Tashkent',
      interests_txt: say(),
      settings: { theme: 'dark', deep: { list: [1, null] } },
    };
    const { body: changed } = await ann.rest<OwnProfile>('PATCH', '/me', changes);
    expect(changed).to.deep.include(changes);
    expect((await ann.rest('GET', '/me')).body).to.deep.equal(changed);
    const cleared = await ann.rest<OwnProfile>('PATCH', '/me', {
      bio: null,
      level: null,
      display_name: null,
    });
    expect(cleared.body).to.deep.equal({
      ...changed,
      bio: null,
      level: null,
      display_name: `${changes.first_name} ${changes.last_name}`,
      updated_at: cleared.body.updated_at,
    });
    const nothing = await ann.rest<OwnProfile>('PATCH', '/me', {});
    expect(nothing.body).to.deep.equal(cleared.body);
  });

  it('refuse what is not theirs to set, names that are taken, and zones and settings that are none', async () => {
    const [ann, bob] = await newUsers('ann', 'bob');
    const patch = async (changes: object) => {
      const { status, body } = await ann.rest<Problem>('PATCH', '/me', changes);
      return [status, body.reason ?? body.errors?.[0]?.path];
    };
    for (const name of ['id', 'number', 'email', 'email_verified', 'role', 'password', 'followers_count'])
      expect(await patch({ [name]: 'x' })).to.deep.equal([400, `/${name}`]);
    expect(await patch({ username: bob.username.toUpperCase() })).to.deep.equal([409, 'username_taken']);
    expect(await patch({ username: 'admin' })).to.deep.equal([422, 'username_reserved']);
    expect(await patch({ timezone: 'Mars/Olympus' })).to.deep.equal([422, 'timezone_unknown']);
    expect(await patch({ settings: { x: 'x'.repeat(9000) } })).to.deep.equal([422, 'settings_too_large']);
    expect((await ann.rest('GET', '/me')).body).to.deep.equal(ann.tokens.user);
  });

  it('show others by id or username, in any case, without what is private', async () => {
    const [ann, bob] = await newUsers('ann', 'bob');
    const { email: _, email_verified, timezone, interests_txt, role, settings, ...shown } = bob.tokens.user;
    for (const name of [bob.id, bob.id.toUpperCase(), bob.username, bob.username.toUpperCase()])
      expect((await ann.rest<Profile>('GET', `/api/v1/users/${name}`)).body).to.deep.equal(shown);
    for (const name of [freshName(), '01a1fb80-10bd-738e-9300-c064a046f9f6', "x'--", '%F0%9F%99%82']) {
      const { status, body } = await ann.rest<Problem>('GET', `/api/v1/users/${name}`);
      expect([status, body.reason]).to.deep.equal([404, 'no_user']);
    }
  });

  it('are found by the beginning of a name, page by page, each once', async () => {
    const prefix = `s${freshName().slice(-8)}`;
    const wanted = await Promise.all(
      [1, 2, 3, 4, 5].map(async (n) => {
        const username = `${prefix}${n}`;
        const { body } = await post<Tokens>('register', entry({ username }));
        keepSecret(body.access_token);
        return username;
      }),
    );
    const ann = await newUser();
    const path = `/api/v1/users?search=${prefix.toUpperCase()}&limit=2`;
    const found = (await everyPage<Profile>(ann, path)).map(({ username }) => username);
    expect(found.filter((name) => name.startsWith(prefix)).sort()).to.deep.equal(wanted);
    expect(new Set(found).size).to.equal(found.length);
  });
});

describe('the list of logins', () => {
  useProduct();

  it('shows one’s own devices, newest first, page by page, and which one asks', async () => {
    const ann = await newUser();
    const devices = [ann];
    for (let n = 0; n < 4; n++) devices.unshift(await ann.again());
    await newUser();
    const seen = await everyPage<Login>(ann, '/api/v1/auth/logins?limit=2');
    expect(seen.map(({ id, current }) => [id, current])).to.deep.equal(
      devices.map(({ login_id }) => [login_id, login_id === ann.login_id]),
    );
    expect(seen[0]).to.include({ ip: '127.0.0.1' });
  });
});
