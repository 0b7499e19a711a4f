import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import type { Chat } from '../../../schemas/chat/wire.ts';
import { newId } from '../../../schemas/ids.ts';
import type { ProfileList, Tokens } from '../../../schemas/rest/accounts.ts';
import type { File, Presigned } from '../../../schemas/rest/media.ts';
import type { Problem } from '../../../schemas/rest/problem.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { eventually } from '../../support/eventually.ts';
import { codeOf, type MailServer, startMailServer } from '../../support/mail-server.ts';
import { startProgram } from '../../support/process.ts';
import { type S3Server, startS3 } from '../../support/s3-server.ts';
import { aForm, png, wav } from '../product/media/support.ts';
import { type Answer, rest } from '../product/support/rest.ts';
import {
  expectNoSecrets,
  freshAddress,
  freshName,
  freshPassword,
  keepSecret,
  say,
} from '../product/support/secrets.ts';
import { openSocket, type Socket } from '../product/support/socket.ts';
import { startTwoGateways, type TwoGateways } from './support.ts';

/** A gateway hears of it in some milliseconds; on a busy machine each try takes its time. */
const withinMs = 3000;

/** The real program as a cluster, with a real S3 server and a real mail server. Nothing that it says lies on its disk. */
describe('a cluster with Redis, S3 and SMTP', function () {
  this.timeout(60_000);

  let s3: S3Server;
  let mail: MailServer;
  let gateways: TwoGateways;
  let here = '';
  let there = '';

  before(async function () {
    // Ceph may have to be installed.
    this.timeout(400_000);
    s3 = await startS3();
    mail = await startMailServer();
    gateways = await startTwoGateways({
      counts: { actors: 2, services: 2 },
      env: { ...s3.env, SMTP_URL: mail.url, MAIL_FROM: 'Suhbat <noreply@suhbat.example>' },
    });
    ({ here, there } = gateways);
  });
  after(async () => {
    await gateways?.stop();
    await mail?.stop();
    await s3?.stop();
  });

  interface Person {
    id: string;
    email: string;
    username: string;
    password: string;
    tokens: Tokens;
    at<Body = never>(url: string, method: string, path: string, body?: object): Promise<Answer<Body>>;
    form<Body>(url: string, path: string, name: string, bytes: Bytes): Promise<Answer<Body>>;
    open(url: string): Promise<Socket>;
  }
  type Bytes = Parameters<typeof aForm>[2];

  const mailsTo = (address: string) => mail.mails.filter(({ to }) => to.includes(address));

  async function codeFor(address: string): Promise<string> {
    await eventually(() => mailsTo(address).length > 0 || 'no mail has come');
    return codeOf(mailsTo(address).at(-1) ?? { to: [], raw: '' });
  }

  /** In two steps: asked for at one gateway, verified at the other. */
  async function newPerson(name = 'person'): Promise<Person> {
    const [email, username, password] = [freshAddress(), freshName(name), freshPassword()];
    const body = { email, username, password, name: say('Name') };
    expect((await rest('POST', '/api/v1/register', { url: here, body })).status).to.equal(202);
    const code = { email, code: await codeFor(email) };
    const made = await rest<Tokens>('POST', '/api/v1/verify-register', { url: there, body: code });
    expect(made.status).to.equal(201);
    return personOf(made.body, { email, username, password });
  }

  function personOf(tokens: Tokens, entry: { email: string; username: string; password: string }): Person {
    const token = keepSecret(tokens.access_token);
    keepSecret(tokens.refresh_token);
    return {
      id: tokens.user.id,
      ...entry,
      tokens,
      at: (url, method, path, body) => rest(method, path, { url, token, body }),
      async form(url, path, name, bytes) {
        const { raw, headers } = await aForm(path, name, bytes);
        return rest('POST', path, { url, token, raw, headers });
      },
      async open(url) {
        const socket = await openSocket(url, { token });
        await socket.event('ready');
        return socket;
      },
    };
  }

  async function bytesAt(url: string, path: string | null): Promise<{ status: number; bytes: Buffer }> {
    const response = await fetch(`${url}${path}`, { redirect: 'manual' });
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
  }

  const widthAt = async (url: string, path: string | null) =>
    (await sharp((await bytesAt(url, path)).bytes).metadata()).width;

  /** What lies in S3 of one file, whatever part of it. */
  const keysOf = async (fileId: string) => (await s3.keys()).filter((key) => key.includes(fileId));
  const idIn = (url: string) => /^\/media\/([^/?]+)/.exec(url)?.[1] ?? 'none';

  async function expectDead({ tokens }: Person, socket: Socket): Promise<void> {
    const token = tokens.access_token;
    for (const url of [here, there])
      await eventually(async () => {
        const { status } = await rest('GET', '/me', { url, token });
        return status === 401 || `it answered ${status}`;
      }, withinMs);
    expect(await socket.end()).to.include({ code: 4003 });
  }

  it('makes an account of a code that one gateway had mailed and another one was told, once', async () => {
    const [email, username, password] = [freshAddress(), freshName(), freshPassword()];
    const body = { email, username, password, name: say('Nodira') };
    expect((await rest('POST', '/api/v1/register', { url: here, body })).status).to.equal(202);
    const code = await codeFor(email);
    expect(mailsTo(email)[0]?.raw).to.match(/^From: Suhbat <noreply@suhbat\.example>/m);
    const entry = { username, password };
    const early = await rest('POST', '/api/v1/login', { url: there, body: entry });
    expect(early.status, 'nobody is there yet').to.equal(401);
    const verify = (url: string, tried: string) =>
      rest<Tokens & Problem>('POST', '/api/v1/verify-register', { url, body: { email, code: tried } });
    const other = code === '000000' ? '000001' : '000000';
    expect((await verify(there, other)).body.reason).to.equal('code_wrong');
    const made = await verify(there, code);
    expect(made.status).to.equal(201);
    expect(made.body.user).to.include({ username, email, email_verified: true });
    expect((await verify(here, code)).status, 'a code works once').to.equal(422);
    for (const url of [here, there])
      expect((await rest<Tokens>('POST', '/api/v1/login', { url, body: entry })).status).to.equal(200);
    expect(mailsTo(email)).to.have.length(1);
  });

  it('keeps an avatar in S3, written anew, with a small picture, and shows it at every gateway', async () => {
    const [ann, bob] = [await newPerson('ann'), await newPerson('bob')];
    const tail = Buffer.from('<script>what was appended</script>');
    const bytes = new Uint8Array(Buffer.concat([await png(900, 600), tail]));
    const worn = await ann.form<{ avatar: { url: string } }>(here, '/me/avatar', 'me.png', bytes);
    expect(worn.status).to.equal(201);
    const { avatar } = (await bob.at<OwnProfile>(there, 'GET', `/api/v1/users/${ann.id}`)).body;
    expect(avatar?.url).to.equal(worn.body.avatar.url);
    for (const url of [here, there]) {
      const got = await bytesAt(url, avatar?.url ?? null);
      expect(got.status).to.equal(200);
      expect(got.bytes.includes(tail)).to.equal(false);
      expect((await sharp(got.bytes).metadata()).width).to.equal(900);
    }
    await eventually(async () => (await widthAt(there, avatar?.thumb_url ?? null)) === 320);
    const keys = (await keysOf(idIn(avatar?.url ?? ''))).map((key) => key.split('/')[0]);
    expect(keys).to.have.members(['files', 'thumbs']);
    expect(await readdir(join(gateways.dir, 'media'), { recursive: true })).to.deep.equal([]);
  });

  it('takes a file straight into S3, as a PUT and as a form, and completes it at the other gateway', async () => {
    const ann = await newPerson('ann');
    const sound = wav(2);
    const asked = { content_type: 'audio/wav', size: sound.length, kind: 'voice' };
    const presign = async (body: object) =>
      (await ann.at<Presigned>(here, 'POST', '/uploads/presign', body)).body;

    const put = await presign(asked);
    if (put.method !== 'PUT') throw new Error('it is no PUT');
    expect(new URL(put.url).origin).to.equal(s3.endpoint);
    // fetch knows the length by itself.
    const headers = { 'Content-Type': put.headers['Content-Type'] ?? '' };
    const send = (body: Bytes) => fetch(put.url, { method: 'PUT', headers, body });
    expect((await send(sound.subarray(1))).status, 'another length than promised').to.equal(403);
    const none = await ann.at<Problem>(there, 'POST', `/uploads/${put.file_id}/complete`);
    expect(none.body.reason).to.equal('not_uploaded');
    expect((await send(sound)).status).to.equal(200);

    const form = await presign({ ...asked, method: 'POST' });
    if (form.method !== 'POST') throw new Error('it is no form');
    expect(new URL(form.url).origin).to.equal(s3.endpoint);
    const post = (bytes: Bytes) => {
      const body = new FormData();
      for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
      body.append('file', new Blob([bytes]), 'hello.wav');
      return fetch(form.url, { method: 'POST', body });
    };
    expect((await post(sound.subarray(1))).status, 'another length than promised').to.equal(400);
    expect((await post(sound)).status).to.equal(204);

    for (const { file_id, file_url } of [put, form]) {
      const { status, body } = await ann.at<File>(there, 'POST', `/uploads/${file_id}/complete`);
      expect(status).to.equal(200);
      expect(body).to.include({ kind: 'voice', mime_type: 'audio/wav', duration_s: 2, state: 'ready' });
      const again = await ann.at<File>(here, 'POST', `/uploads/${file_id}/complete`);
      expect(again.status, 'twice is as good as once').to.equal(200);
      for (const url of [here, there]) {
        const got = await bytesAt(url, file_url);
        expect(got.bytes.equals(sound)).to.equal(true);
      }
      expect((await keysOf(file_id)).map((key) => key.split('/')[0])).to.deep.equal(['files']);
    }
  });

  it('brings two people of two gateways together, until one blocks the other', async () => {
    const [ann, bob] = [await newPerson('ann'), await newPerson('bob')];
    const search = async (by: Person, url: string, who: Person) => {
      const query = `/api/v1/users?search=${encodeURIComponent(who.username.slice(0, -2))}`;
      return (await by.at<ProfileList>(url, 'GET', query)).body.items.map(({ id }) => id);
    };
    expect((await search(ann, here, bob))[0]).to.equal(bob.id);
    const [mine, theirs] = [await ann.open(here), await bob.open(there)];
    const chat = await ann.at<Chat>(here, 'POST', '/api/v1/chats', { type: 'private', user_id: bob.id });
    expect(chat.status).to.equal(201);
    const chat_id = chat.body.id;
    const [question, answer] = [say('Salom!'), say('Vaalaykum assalom!')];
    const send = (text: string) => ({ chat_id, client_id: newId(), kind: 'text', text }) as const;
    await mine.request('message.send', send(question));
    await theirs.event('message.new', { chat_id, text: question, sender_id: ann.id });
    await theirs.request('message.send', send(answer));
    await mine.event('message.new', { chat_id, text: answer, sender_id: bob.id });

    expect((await bob.at(there, 'POST', `/users/${ann.id}/block`)).status).to.equal(204);
    const refused = await mine.refusal('message.send', send(say()));
    expect(refused).to.include({ code: 'forbidden', reason: 'blocked' });
    const more = await ann.at<Problem>(there, 'POST', `/api/v1/chats/${chat_id}/messages`, { text: say() });
    expect([more.status, more.body.reason]).to.deep.equal([403, 'blocked']);
    for (const [who, peer] of [
      [ann, bob],
      [bob, ann],
    ] as const)
      for (const url of [here, there]) expect(await search(who, url, peer)).to.not.include(peer.id);
    expect((await bob.at(here, 'DELETE', `/users/${ann.id}/block`)).status).to.equal(204);
    await mine.request('message.send', send(say()));
  });

  it('hides at every gateway when somebody was online, from who may not see it and watches', async () => {
    const [ann, bob, eve] = [await newPerson('ann'), await newPerson('bob'), await newPerson('eve')];
    await ann.open(here);
    const [friend, stranger] = [await bob.open(there), await eve.open(there)];
    const set = async (privacy: object) =>
      expect((await ann.at(here, 'PATCH', '/me', { settings: { privacy } })).status).to.equal(200);
    const seen = async (by: Person) =>
      Promise.all(
        [here, there].map(async (url) => {
          const path = `/api/v1/users/${ann.id}/presence`;
          return (await by.at<{ online: boolean }>(url, 'GET', path)).body.online;
        }),
      );
    expect((await ann.at(here, 'PUT', `/api/v1/contacts/${bob.id}`)).status).to.equal(204);
    for (const socket of [friend, stranger]) {
      const { users } = await socket.request('presence.watch', { user_ids: [ann.id] });
      expect(users).to.have.length(1);
      expect(users[0]).to.include({ online: true });
    }
    await set({ last_seen: 'contacts' });
    await stranger.event('presence', { user_id: ann.id, online: false });
    expect(await seen(eve)).to.deep.equal([false, false]);
    expect(await seen(bob)).to.deep.equal([true, true]);
    await set({ last_seen: 'nobody' });
    await friend.event('presence', { user_id: ann.id, online: false });
    expect(await seen(bob)).to.deep.equal([false, false]);
  });

  it('ends logins everywhere by a ban, of an admin whom the operator has named', async () => {
    const [ann, eve] = [await newPerson('admin'), await newPerson('eve')];
    const ban = () => ann.at<Problem>(there, 'POST', `/admin/users/${eve.id}/ban`);
    expect((await ban()).status).to.equal(403);
    const env = { ...gateways.env, SUHBAT_DATA_DIR: join(gateways.dir, 'operator') };
    const program = startProgram({ env, script: 'ops/admin/main.ts', args: ['grant', ann.email] });
    expect(await program.ended(), program.stderr()).to.equal(0);
    const sockets = [await eve.open(here), await eve.open(there)];
    expect((await ban()).status).to.equal(200);
    for (const socket of sockets) await expectDead(eve, socket);
    const entry = { username: eve.username, password: eve.password };
    const back = await rest<Problem>('POST', '/api/v1/login', { url: here, body: entry });
    expect([back.status, back.body.reason]).to.deep.equal([403, 'banned']);
  });

  it('ends a login at the other gateway too when it logs out, and its socket there', async () => {
    const ann = await newPerson('ann');
    const socket = await ann.open(there);
    for (const url of [here, there]) expect((await ann.at(url, 'GET', '/me')).status).to.equal(200);
    expect((await ann.at(here, 'POST', '/api/v1/auth/logout')).status).to.equal(204);
    await expectDead(ann, socket);
    const body = { refresh_token: ann.tokens.refresh_token };
    expect((await rest('POST', '/api/v1/auth/refresh', { url: there, body })).status).to.equal(401);
  });

  it('removes what an account had in S3 when it ends', async () => {
    const ann = await newPerson('ann');
    const worn = await ann.form<{ avatar: { url: string } }>(here, '/me/avatar', 'me.png', await png());
    const kept = await ann.form<File>(there, '/upload', 'diary.bin', wav(1));
    expect([worn.status, kept.status]).to.deep.equal([201, 201]);
    const urls = [worn.body.avatar.url, kept.body.url];
    const ids = urls.map((url) => idIn(url ?? ''));
    const lying = async () => (await Promise.all(ids.map(keysOf))).flat();
    // Its picture has a small one beside it, soon.
    await eventually(async () => (await lying()).length === 3 || (await lying()).join(' '));
    const { password } = ann;
    expect((await ann.at(there, 'POST', '/me/delete', { password })).status).to.equal(204);
    for (const url of [here, there])
      for (const path of urls) expect((await bytesAt(url, path)).status).to.equal(404);
    await eventually(async () => (await lying()).length === 0 || (await lying()).join(' '));
  });

  it('keeps mails while the mail server is away, answers meanwhile, and sends each once', async () => {
    await mail.stop();
    const addresses = [freshAddress(), freshAddress()];
    for (const [at, email] of addresses.entries()) {
      const body = { email, username: freshName(), password: freshPassword(), name: say() };
      const { status } = await rest('POST', '/api/v1/register', { url: [here, there][at] ?? here, body });
      expect(status).to.equal(202);
    }
    await eventually(
      () => gateways.logs.filter((line) => line.includes('"kind":"mail.code"')).length >= 2 || 'no try',
    );
    await mail.start();
    for (const address of addresses)
      await eventually(() => mailsTo(address).length > 0 || 'no mail has come', 30_000);
    for (const address of addresses) expect(mailsTo(address)).to.have.length(1);
  });

  it('talks on where S3 is away, and refuses files as unavailable', async () => {
    const [ann, bob] = [await newPerson('ann'), await newPerson('bob')];
    const [mine, theirs] = [await ann.open(here), await bob.open(there)];
    await s3.stop();
    const refused = await ann.form<Problem>(here, '/upload', 'a.bin', wav(1));
    expect([refused.status, refused.body.reason]).to.deep.equal([503, 'media_unavailable']);
    const text = say();
    await mine.request('message.send', { user_id: bob.id, client_id: newId(), kind: 'text', text });
    await theirs.event('message.new', { text });
  });

  it('leaves no token, name, address, text, signature or key of S3 in any log of it all', () => {
    const log = gateways.logs.join('\n');
    expect(log).to.include('"request_id"');
    expectNoSecrets(log);
    for (const secret of [s3.secretKey, 'X-Amz-', '?sig=', mail.url, 'postgres://'])
      expect(log, secret).to.not.include(secret);
  });
});
