import { expect } from 'chai';
import type { Route } from '../../gateway/http/route.ts';
import { type Answer, expectContract, type HttpClient, httpClient } from './support/http-client.ts';
import { openLine } from './support/line.ts';
import { newUser, type User } from './support/people.ts';
import { routes } from './support/scene.ts';
import { startTarget, type Target } from './support/target.ts';

const good = 'https://good.example';
const second = 'http://localhost:5173';

/** Origins that look like a good one and are none. */
const foreign = [
  'https://evil.example',
  'null',
  'https://good.example.evil.example',
  'https://evilgood.example',
  'https://evil.example/https://good.example',
  'https://evil.example?https://good.example',
  'https://good.example@evil.example',
  'https://evil.example#https://good.example',
  'http://good.example',
  'https://good.example:444',
  'https://good.example:443',
  'https://good.example/',
  'https://GOOD.example',
  'https://good.example.',
  'https://sub.good.example',
  'https://good_example',
  'https://good.example https://evil.example',
  'https://good.example, https://evil.example',
  'good.example',
  '//good.example',
  'https://',
  '*',
  'file://',
  'chrome-extension://good.example',
  'http://localhost:5174',
  'http://localhost',
];

describe('foreign pages', function () {
  this.timeout(60_000);
  let target: Target;
  let client: HttpClient;
  let user: User;

  before(async () => {
    target = await startTarget({ SUHBAT_ALLOWED_ORIGINS: `${good},${second}` });
    client = httpClient(target.port);
    user = await newUser(target);
  });
  after(async () => {
    client?.close();
    await target?.end();
  });
  afterEach('the program is well', () => target.expectWell());

  const upgrade = (headers: Record<string, string>): Promise<Answer> =>
    client.ask('GET', '/ws', {
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-key': 'x3JJHMbDL1EzLkh9GBhXDw==',
        'sec-websocket-version': '13',
        ...headers,
      },
    });

  it('cannot open a socket, whoever is logged in', async () => {
    for (const origin of foreign)
      for (const authorization of ['', `Bearer ${user.token}`]) {
        const answer = await upgrade({ origin, ...(authorization !== '' && { authorization }) });
        expectContract(answer);
        expect({ status: answer.status, reason: answer.json.reason }, origin).to.deep.equal({
          status: 403,
          reason: 'origin',
        });
      }
  });

  it('cannot open a socket by a ticket that was stolen, and the ticket stays good for its owner', async () => {
    const { json } = await client.ask('POST', '/api/v1/ws-ticket', { token: user.token });
    const path = `/ws?ticket=${json.ticket}`;
    const refused = await openLine(target, { path, headers: { origin: 'https://evil.example' } }).then(
      () => 'opened',
      () => 'refused',
    );
    expect(refused).to.equal('refused');
    const line = await openLine(target, { path, headers: { origin: good } });
    await line.frame('ready', ({ type }) => type === 'ready');
    line.close();
  });

  it('cannot borrow the host that they claim to be', async () => {
    const own = `127.0.0.1:${target.port}`;
    for (const origin of [
      `http://${own}.evil.example`,
      `http://evil.example:${target.port}`,
      `ftp://${own}`,
      `http://127.0.0.1`,
    ]) {
      const { status } = await upgrade({ origin });
      expect(status, origin).to.equal(403);
    }
  });

  it('may be the good ones, our own, or no page at all: those open sockets', async () => {
    const own = `127.0.0.1:${target.port}`;
    for (const headers of [
      {},
      { origin: good },
      { origin: second },
      { origin: `http://${own}` },
      { origin: `https://${own}` },
    ]) {
      const line = await openLine(target, { token: user.token, headers: headers as Record<string, string> });
      expect(await line.ask('ping')).to.include({ type: 'ok' });
      line.close();
    }
  });

  const preflight = (path: string, origin: string, method: string) =>
    client.ask('OPTIONS', path, {
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization, content-type',
      },
    });

  const nameOf = ({ method, path }: Route) => `${method} ${path}`;
  const pathOf = ({ path }: Route) => path.replaceAll(/\{\w+\}/g, 'x');

  it('of an allowed origin get a preflight for every route', async () => {
    for (const route of routes) {
      const answer = await preflight(pathOf(route), good, route.method);
      expect(answer.status, nameOf(route)).to.equal(204);
      expect(answer.text).to.equal('');
      const { headers } = answer;
      expect(headers['access-control-allow-origin'], nameOf(route)).to.equal(good);
      expect(String(headers['access-control-allow-methods']).split(', '), nameOf(route)).to.include(
        route.method,
      );
      expect(String(headers['access-control-allow-headers']).toLowerCase())
        .to.include('authorization')
        .and.include('content-type');
      expect(headers['access-control-max-age']).to.equal('600');
      expect(headers['access-control-allow-credentials']).to.equal(undefined);
      expect(headers.vary).to.match(/\bOrigin\b/);
    }
  });

  it('of any other origin get no word that would let them in, nor can they read an answer', async () => {
    for (const route of routes)
      for (const origin of foreign.slice(0, 4))
        expectNoCors(await preflight(pathOf(route), origin, route.method), `${nameOf(route)} ${origin}`);
    for (const origin of foreign) {
      expectNoCors(await preflight('/me', origin, 'GET'), origin);
      expectNoCors(await client.ask('GET', '/me', { token: user.token, headers: { origin } }), origin);
      expectNoCors(await client.ask('GET', '/nothing', { headers: { origin } }), origin);
    }
  });

  function expectNoCors({ headers }: Answer, what: string): void {
    expect(headers['access-control-allow-origin'], what).to.equal(undefined);
    expect(headers['access-control-allow-credentials'], what).to.equal(undefined);
    expect(headers['access-control-expose-headers'], what).to.equal(undefined);
  }

  it('get the same for refusals of every kind as for answers', async () => {
    const asked = {
      200: client.ask('GET', '/me', { token: user.token, headers: { origin: good } }),
      400: client.ask('PATCH', '/me', { token: user.token, body: '[]', headers: { origin: good } }),
      401: client.ask('GET', '/me', { headers: { origin: good } }),
      404: client.ask('GET', '/nothing', { headers: { origin: good } }),
      405: client.ask('PUT', '/me', { token: user.token, headers: { origin: good } }),
      413: client.ask('PATCH', '/me', {
        token: user.token,
        body: 'x'.repeat(1024 * 1024 + 1),
        headers: { origin: good },
      }),
      415: client.ask('PATCH', '/me', {
        token: user.token,
        body: '{}',
        headers: { origin: good, 'content-type': 'text/plain' },
      }),
    };
    for (const [status, answering] of Object.entries(asked)) {
      const answer = await answering;
      expectContract(answer);
      expect(answer.status).to.equal(Number(status));
      expect(answer.headers['access-control-allow-origin'], status).to.equal(good);
      expect(answer.headers['access-control-expose-headers'], status).to.include('X-Request-Id');
      expect(answer.headers.vary, status).to.match(/\bOrigin\b/);
    }
  });

  it('and everybody else get security headers with every answer, of every route and method', async () => {
    const paths = [
      '/',
      '/live',
      '/ready',
      '/health',
      '/metrics',
      '/.well-known/jwks.json',
      '/ws',
      '/nothing',
      '/assets/nothing',
    ];
    const asked = [
      ...routes.map((route) => [route.method, pathOf(route)] as const),
      ...paths.map((path) => ['GET', path] as const),
    ];
    for (const [method, path] of asked)
      for (const one of [method, 'OPTIONS', 'HEAD', 'TRACE']) {
        const { headers } = await client.ask(one, path, {});
        const what = `${one} ${path}`;
        expect(headers['x-content-type-options'], what).to.equal('nosniff');
        expect(headers['x-request-id'], what).to.be.a('string');
        expect(headers['cache-control'], what).to.be.a('string');
        expect(headers['set-cookie'], what).to.equal(undefined);
        expect(headers['x-powered-by'], what).to.equal(undefined);
        if (!path.startsWith('/assets') && path !== '/' && path !== '/.well-known/jwks.json')
          expect(headers['cache-control'], what).to.equal('no-store');
      }
    const page = await client.ask('GET', '/');
    const policy = String(page.headers['content-security-policy']);
    expect(policy)
      .to.include("default-src 'none'")
      .and.include("frame-ancestors 'none'")
      .and.not.include('unsafe');
  });
});
