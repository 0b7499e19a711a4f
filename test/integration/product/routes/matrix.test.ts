import { expect } from 'chai';
import type { Route } from '../../../../gateway/http/route.ts';
import { newId } from '../../../../schemas/ids.ts';
import type { Problem } from '../../../../schemas/rest/problem.ts';
import { roles } from '../../../../schemas/roles.ts';
import { giveRole } from '../../../support/roles.ts';
import { makeScene, type Scene } from '../frames/cases.ts';
import { product, useProduct } from '../support/program.ts';
import { rest, routes } from '../support/rest.ts';
import { newUser } from '../support/users.ts';
import { wrongFields } from '../support/wrong.ts';
import type { Asked, RouteCase } from './cases/case.ts';
import { routeCases } from './cases.ts';

type Headers = Record<string, string>;

describe('every route', () => {
  useProduct();

  it('has a row of cases, and every row a route', () => {
    expect(Object.keys(routeCases)).to.have.members([...routes.keys()]);
  });

  it('of the administration names its right, and has roles in its row; no other has', () => {
    for (const [name, { path, permit }] of routes) {
      const administrative = path.startsWith('/admin/');
      expect(permit !== undefined, name).to.equal(administrative);
      expect(routeCases[name]?.roles !== undefined, name).to.equal(administrative);
    }
  });

  for (const [name, route] of routes) {
    const cases = routeCases[name];
    if (cases !== undefined) describe(name, () => everyCase(route, cases));
  }
});

function everyCase(route: Route, { good, status, about, answers, ends, roles: allowed }: RouteCase): void {
  const { method } = route;
  let scene: Scene;
  let asked: Asked;
  before(async () => {
    scene = await makeScene();
    asked = await good(scene);
  });
  const asker = () => (allowed ? scene.staff.admin : scene.owner);

  /** Asks; the owner's token unless it is given. What comes is held to the row's schemas. */
  async function ask(
    more: { path?: string; token?: string | undefined; body?: unknown; headers?: Headers } = {},
  ) {
    const token = 'token' in more ? more.token : asker().tokens.access_token;
    const { path = asked.path, body = asked.body, headers = {} } = more;
    const { raw } = asked;
    const sent = { token, body, headers: { ...asked.headers, ...headers }, ...(raw && { raw }) };
    const answer = await rest<Problem>(method, path, sent);
    const { code, reason } = answer.body ?? {};
    return { ...answer, refused: { status: answer.status, code, reason } };
  }

  if (route.auth !== 'open')
    it('is refused without a token, with a bad one, and with that of a login that has ended', async () => {
      const { owner } = scene;
      const { sign } = product();
      const device = await owner.again();
      await device.rest('POST', '/api/v1/auth/logout');
      const now = Date.now();
      const bad: [string, string | undefined][] = [
        ['no_token', undefined],
        ['token_invalid', 'x'],
        ['token_invalid', `${owner.tokens.access_token}x`],
        ['token_invalid', sign(owner.id, owner.login_id, now + 600_000)],
        ['token_expired', sign(owner.id, owner.login_id, now - 1_000_000)],
        ['login_revoked', device.tokens.access_token],
      ];
      for (const [reason, token] of bad) {
        const { refused, headers } = await ask({ token });
        expect(refused).to.deep.equal({ status: 401, code: 'unauthenticated', reason });
        expect(headers.get('www-authenticate')).to.equal('Bearer');
      }
      const basic = await ask({ token: undefined, headers: { authorization: 'Basic eDp5' } });
      expect(basic.refused).to.include({ status: 401, reason: 'no_token' });
    });

  if (allowed !== undefined)
    it('is refused to every other role, and with the token of a role that was taken away', async () => {
      const { url } = product();
      const refused = { status: 403, code: 'forbidden', reason: 'not_permitted' };
      for (const role of roles) {
        const user = await newUser();
        const { access_token: token } = user.tokens;
        expect((await ask({ token })).refused).to.deep.equal(refused);
        await giveRole(url, user.id, role);
        const answer = await ask({ token });
        if (allowed.includes(role)) expect({ role, status: answer.status }).to.deep.equal({ role, status });
        else expect({ role, ...answer.refused }).to.deep.equal({ role, ...refused });
        await giveRole(url, user.id, 'user');
        expect((await ask({ token })).refused).to.deep.equal(refused);
      }
    });

  if (about === 'a chat')
    it('is 404 for a stranger, a removed member, one who left, for moderators and admins, of no chat, and of what is no id', async () => {
      const notFound = { status: 404, code: 'not_found', reason: 'no_chat' };
      const { stranger, removed, left, staff } = scene;
      for (const [who, { tokens }] of Object.entries({ stranger, removed, left, ...staff }))
        expect({ who, ...(await ask({ token: tokens.access_token })).refused }).to.deep.equal({
          who,
          ...notFound,
        });
      const other = asked.path.replace(scene.group, newId());
      expect((await ask({ path: other })).refused).to.deep.equal(notFound);
      const none = asked.path.replace(scene.group, 'nonsense');
      expect((await ask({ path: none })).refused).to.include({ status: 404 });
      for (const encoded of ['%zz', '%ff', '%00'])
        expect((await ask({ path: asked.path.replace(scene.group, encoded) })).refused).to.include({
          status: 400,
        });
    });

  if (route.path.includes('{seq}'))
    it('is 404 for what is no seq, or no message', async () => {
      for (const seq of ['0', '-1', '1.5', 'x', '999', '99999999999999999999']) {
        const path = asked.path.replace(`/messages/${scene.seq}`, `/messages/${seq}`);
        expect((await ask({ path })).refused).to.deep.equal({
          status: 404,
          code: 'not_found',
          reason: 'no_message',
        });
      }
    });

  if (about === 'a chat' && route.path.includes('{user_id}'))
    it('is 404 for who is not in the chat, nobody, and what is no id', async () => {
      for (const id of [scene.stranger.id, newId(), 'nonsense']) {
        const path = asked.path.replace(scene.member.id, id);
        expect((await ask({ path })).refused).to.include({ status: 404, code: 'not_found' });
      }
    });

  const { body: schema } = route;
  if (schema !== undefined) {
    it('refuses every wrong body with 400, pointing at the field', async () => {
      for (const wrong of wrongFields(schema, asked.body ?? {})) {
        const { refused, body } = await ask({ body: wrong.fields });
        const said = { what: wrong.what, ...refused };
        expect(said).to.include({ what: wrong.what, status: 400, code: 'invalid' });
        const pointed = body.errors?.some(
          ({ path }) => path === wrong.path || path.startsWith(`${wrong.path}/`),
        );
        expect(pointed, `${wrong.what}: ${JSON.stringify(body.errors)}`).to.equal(true);
      }
      for (const none of [[], 'text', 7, null]) expect((await ask({ body: none })).status).to.equal(400);
    });

    it('refuses what is no JSON, no UTF-8, holds U+0000, is of another type, or too large', async () => {
      const { access_token: token } = asker().tokens;
      const send = async (raw: string | Uint8Array<ArrayBuffer>, headers: Headers = {}) => {
        const answer = await rest<Problem>(method, asked.path, { token, raw, headers });
        return { status: answer.status, reason: answer.body.reason };
      };
      const json = JSON.stringify(asked.body);
      expect(await send('{"a":')).to.deep.equal({ status: 400, reason: 'bad_json' });
      expect(await send(new Uint8Array([0x22, 0xff, 0x22]))).to.deep.equal({
        status: 400,
        reason: 'bad_utf8',
      });
      for (const text of ['\\u0000', '\\ud800', '\\udc00\\ud800'])
        expect(await send(`{"text":"${text}"}`)).to.deep.equal({ status: 400, reason: 'bad_text' });
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json; charset=latin1',
      ])
        expect(await send(json, { 'content-type': type })).to.deep.equal({ status: 415, reason: undefined });
      const large = JSON.stringify({ nonsense: 'x'.repeat(1024 * 1024) });
      expect(await send(large)).to.deep.equal({ status: 413, reason: undefined });
    });
  }

  const { query } = route;
  if (query !== undefined)
    it('refuses every wrong query with 400, and ignores what it does not know', async () => {
      const [path = '', given = ''] = asked.path.split('?');
      for (const wrong of wrongQueries(Object.keys((query as { properties?: object }).properties ?? {}))) {
        const search = new URLSearchParams(given);
        search.set(...wrong);
        const { refused } = await ask({ path: `${path}?${search}` });
        expect({ wrong, ...refused }).to.include({ status: 400, code: 'invalid' });
      }
      if (ends) return;
      const unknown = await ask({ path: `${path}?${given}&nonsense=1&limits=0` });
      expect(unknown.status).to.equal(status);
    });

  if (method === 'GET')
    it('answers HEAD as GET, without the body', async () => {
      const token = asker().tokens.access_token;
      const [get, head] = await Promise.all([
        ask(),
        rest<string>('HEAD', asked.path, { token, headers: asked.headers ?? {} }),
      ]);
      expect([head.status, head.body]).to.deep.equal([status, '']);
      for (const name of ['content-type', 'cache-control', 'x-content-type-options'])
        expect(head.headers.get(name)).to.equal(get.headers.get(name));
    });

  it(`answers ${status}, to the letter, and echoes a request id`, async () => {
    const request_id = `test-${newId()}`;
    const token = route.auth !== 'open' ? asker().tokens.access_token : undefined;
    const answer = await ask({ token, headers: { 'x-request-id': request_id } });
    expect(answer.status, JSON.stringify(answer.body)).to.equal(status);
    expect(answer.headers.get('x-request-id')).to.equal(request_id);
    answers?.(answer.body as never, scene);
    if (ends) expect((await ask()).refused).to.include({ status: 401, reason: 'login_revoked' });
    await scene.stranger.socket.quiet();
    expect(scene.stranger.socket.heard()).to.deep.equal([]);
  });
}

/** For each parameter values that nobody may give. */
function wrongQueries(names: readonly string[]): [string, string][] {
  const wrong: Record<string, string[]> = {
    limit: ['0', '-1', '201', '1.5', 'x', ''],
    cursor: ['x', '%', 'x'.repeat(513)],
    search: ['x'.repeat(101), 'a\0b'],
    type: ['nonsense', ''],
    before: ['0', '-1', 'x', ''],
    after: ['-1', 'x', '1e3'],
    around: ['0', 'x'],
    q: ['', ' ', 'x'.repeat(101), 'a\0b', 'a b c d e f g h i j k'],
    chat_id: ['', 'x'],
    sender_id: ['', 'x'],
    kind: ['', 'service', 'nonsense'],
    sig: ['x'.repeat(101)],
    from: ['', 'x', '2026-01-01', '2026-06-30T23:59:60Z'],
    to: ['', 'x', '1e3'],
    actor: ['', 'x'],
    action: ['', 'nonsense'],
    password: ['', 'x'.repeat(1025)],
  };
  return names.flatMap((name) => (wrong[name] ?? []).map((value): [string, string] => [name, value]));
}
