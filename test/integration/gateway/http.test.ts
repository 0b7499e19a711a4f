import { expect } from 'chai';
import Type from 'typebox';
import type { Answer, Route, RouteRequest } from '../../../gateway/http/route.ts';
import { Id, Strict } from '../../../schemas/common.ts';
import { fail } from '../../../schemas/errors.ts';
import { newId } from '../../../schemas/ids.ts';
import { type GatewayTest, raw, startGateway, until } from './support.ts';

describe('gateway: REST', () => {
  const seen: RouteRequest[] = [];
  let waiting: ((answer: Answer) => void)[] = [];
  let test: GatewayTest;

  const row = (route: Partial<Route> & Pick<Route, 'method' | 'path'>): Route => ({
    summary: '',
    auth: 'open',
    limit: 'none',
    replies: {},
    async handle(request) {
      seen.push(request);
      return { status: 200, body: { params: request.params, query: request.query, body: request.body } };
    },
    ...route,
  });

  const routes: Route[] = [
    row({ method: 'GET', path: '/things/{id}' }),
    row({
      method: 'POST',
      path: '/things',
      body: Strict({ name: Type.String(), other_id: Type.Optional(Id) }),
    }),
    row({ method: 'PATCH', path: '/things/{id}', body: Strict({ name: Type.Optional(Type.String()) }) }),
    row({
      method: 'GET',
      path: '/search',
      query: Type.Object({ q: Type.Optional(Type.String({ maxLength: 5 })) }),
    }),
    row({ method: 'GET', path: '/mine', auth: 'user' }),
    row({ method: 'DELETE', path: '/mine', handle: async () => ({ status: 204 }) }),
    row({
      method: 'GET',
      path: '/later',
      handle: () => new Promise((resolve) => waiting.push(resolve)),
    }),
    row({
      method: 'GET',
      path: '/broken',
      handle: async () => {
        throw new Error('a secret of ours');
      },
    }),
    row({
      method: 'GET',
      path: '/refused',
      handle: async () => {
        throw fail('conflict', { reason: 'taken', detail: 'Somebody was quicker' });
      },
    }),
    row({
      method: 'GET',
      path: '/split',
      handle: async () => ({ status: 200, body: {}, headers: { Location: 'a\r\nSet-Cookie: b' } }),
    }),
  ];

  before(async () => {
    test = await startGateway({ routes, hurry: 10 });
  });
  after(() => test.stop());
  beforeEach(() => {
    seen.length = 0;
    waiting = [];
  });

  const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(test.base + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  const problem = async (response: Response) => {
    expect(response.headers.get('content-type')).to.equal('application/problem+json');
    return (await response.json()) as Record<string, unknown>;
  };

  it('answers what no route takes with 404, as a problem document', async () => {
    const response = await fetch(`${test.base}/nothing/here`, { headers: { 'x-request-id': 'abc.1' } });
    expect(response.status).to.equal(404);
    expect(response.headers.get('x-request-id')).to.equal('abc.1');
    expect(response.headers.get('x-content-type-options')).to.equal('nosniff');
    expect(response.headers.get('cache-control')).to.equal('no-store');
    expect(await problem(response)).to.deep.equal({
      type: 'urn:suhbat:problem:not_found',
      title: 'There is no such thing, or not for you',
      status: 404,
      code: 'not_found',
      reason: 'no_route',
      request_id: 'abc.1',
    });
  });

  it('makes a request id of its own where the given one is not fit for a log', async () => {
    for (const given of ['', 'a b', 'x'.repeat(65), 'a"b']) {
      const response = await fetch(`${test.base}/live`, { headers: { 'x-request-id': given } });
      expect(response.headers.get('x-request-id'))
        .to.match(/^[\w.-]{5,}$/)
        .and.not.equal(given);
    }
  });

  it('answers another method with 405 and every method that the path takes', async () => {
    const response = await fetch(`${test.base}/things/1`, { method: 'DELETE' });
    expect(response.status).to.equal(405);
    expect(response.headers.get('allow')).to.equal('GET, PATCH, HEAD, OPTIONS');
    expect((await problem(response)).code).to.equal('method_not_allowed');
  });

  it('answers HEAD wherever GET works, without a body, and keeps the connection usable', async () => {
    const connection = raw(test, 'HEAD /things/a HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await connection.has('\r\n\r\n');
    expect(head).to.match(/^HTTP\/1\.1 200 OK/);
    expect(head).to.match(/Content-Length: [1-9]\d*\r\n/);
    connection.socket.write('GET /things/b HTTP/1.1\r\nHost: x\r\n\r\n');
    const both = await connection.has('{"params":{"id":"b"}');
    expect(both).to.not.include('{"params":{"id":"a"}');
    connection.socket.destroy();
    expect((await fetch(`${test.base}/refused`, { method: 'HEAD' })).status).to.equal(409);
    expect((await fetch(`${test.base}/nothing`, { method: 'HEAD' })).status).to.equal(404);
    expect((await fetch(`${test.base}/things`, { method: 'HEAD' })).status).to.equal(405);
  });

  it('answers 204 without a body and without a length', async () => {
    const connection = raw(test, 'DELETE /mine HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await connection.has('\r\n\r\n'))
      .to.include('204 No Content')
      .and.not.match(/content-length/i);
    connection.socket.write('GET /live HTTP/1.1\r\nHost: x\r\n\r\n');
    await connection.has('200 OK');
    connection.socket.destroy();
  });

  it('answers a preflight with 204, and names an allowed origin only', async () => {
    const ask = (origin: string) =>
      fetch(`${test.base}/things`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    const allowed = await ask('https://chat.example');
    expect(allowed.status).to.equal(204);
    expect(allowed.headers.get('access-control-allow-origin')).to.equal('https://chat.example');
    expect(allowed.headers.get('access-control-allow-methods')).to.equal('POST, OPTIONS');
    expect(allowed.headers.get('access-control-allow-headers')).to.include('Idempotency-Key');
    expect(allowed.headers.get('access-control-max-age')).to.equal('600');
    expect(allowed.headers.get('access-control-allow-credentials')).to.equal(null);
    const other = await ask('https://chat.example.evil');
    expect(other.headers.get('access-control-allow-origin')).to.equal(null);
    const answer = await fetch(`${test.base}/refused`, { headers: { origin: 'https://chat.example' } });
    expect(answer.headers.get('access-control-allow-origin')).to.equal('https://chat.example');
    expect(answer.headers.get('access-control-expose-headers')).to.include('X-Request-Id');
    expect(answer.headers.get('vary')).to.equal('Origin');
  });

  it('decodes parameters once, keeps the case of names and lowers that of ids', async () => {
    const id = newId();
    await fetch(`${test.base}/things/a%2520b%2Fc`);
    await fetch(`${test.base}/things/${id.toUpperCase()}`);
    await fetch(`${test.base}/things/Anna`);
    expect(seen.map(({ params }) => params.id)).to.deep.equal(['a%20b/c', id, 'Anna']);
  });

  it('refuses parameters that are not well encoded', async () => {
    for (const bad of ['%zz', '%ff', '%00', 'a%c3%28'])
      expect((await fetch(`${test.base}/things/${bad}`)).status, bad).to.equal(400);
  });

  it('passes known query parameters, ignores the others, and refuses bad values', async () => {
    await fetch(`${test.base}/search?q=a%20b&q=c&x=1&__proto__=2`);
    expect(seen[0]?.query).to.deep.equal({ q: 'a b' });
    expect((await fetch(`${test.base}/search?q=abcdef`)).status).to.equal(400);
    expect((await fetch(`${test.base}/search?q=%00`)).status).to.equal(400);
  });

  it('refuses a body that is no JSON, not UTF-8, of another type, or of other fields', async () => {
    const refused = async (response: Response) => (await problem(response)).code;
    expect(await refused(await post('/things', '{"name":'))).to.equal('invalid');
    expect(await refused(await post('/things', new Uint8Array([0x22, 0xc3, 0x28, 0x22])))).to.equal(
      'invalid',
    );
    expect(await refused(await post('/things', '{"name":"a\\u0000"}'))).to.equal('invalid');
    expect(await refused(await post('/things', '{"name":"\\ud800"}'))).to.equal('invalid');
    expect(await refused(await post('/things', '{"name":"a","b":1}'))).to.equal('invalid');
    expect(await refused(await post('/things', '{}', { 'content-type': 'text/plain' }))).to.equal(
      'unsupported_media_type',
    );
    const missing = await problem(await fetch(`${test.base}/things`, { method: 'POST' }));
    expect(missing.errors).to.deep.equal([{ path: '/name', message: 'is required' }]);
    expect(seen).to.deep.equal([]);
  });

  it('takes a good body, also in chunks and with ids in upper case', async () => {
    const id = newId();
    const body = JSON.stringify({ name: 'ü', other_id: id.toUpperCase() });
    const type = 'application/json; charset=utf-8';
    expect((await post('/things', body, { 'content-type': type })).status).to.equal(200);
    const half = Buffer.from(body);
    const connection = raw(
      test,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      `5\r\n${half.subarray(0, 5).toString('latin1')}\r\n`,
    );
    const rest = half.subarray(5);
    connection.socket.write(Buffer.concat([Buffer.from(`${rest.length.toString(16)}\r\n`), rest]));
    connection.socket.write('\r\n0\r\n\r\n');
    await connection.has('200 OK');
    connection.socket.destroy();
    for (const { body: got } of seen) expect(got).to.deep.equal({ name: 'ü', other_id: id });
    expect(seen.length).to.equal(2);
  });

  it('refuses a body over 1 MiB with 413, announced or not, and ends the connection', async () => {
    const response = await post('/things', 'x'.repeat(1024 * 1024 + 1));
    expect(response.status).to.equal(413);
    expect((await problem(response)).code).to.equal('too_large');
    const connection = raw(
      test,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    for (let sent = 0; sent < 18; sent++) connection.socket.write(chunk);
    expect(await connection.gone()).to.include('413 Payload Too Large');
    expect(seen).to.deep.equal([]);
  });

  it('ends a connection whose body comes too slowly', async () => {
    const connection = raw(
      test,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na',
    );
    await connection.gone();
    expect(seen).to.deep.equal([]);
  });

  it('forgets a client that goes away in the middle of its body, or before its answer', async () => {
    const body = raw(
      test,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na',
    );
    const answer = raw(test, 'GET /later HTTP/1.1\r\nHost: x\r\nX-Request-Id: gone-away\r\n\r\n');
    const [answered] = await until('the handler', () => waiting.length > 0 && waiting);
    body.socket.destroy();
    answer.socket.destroy();
    await until('the log line', () => test.lines.find((line) => line.request_id === 'gone-away'));
    answered?.({ status: 200, body: {} });
    const line = test.lines.find(({ request_id }) => request_id === 'gone-away');
    expect(line?.status).to.equal(499);
    expect((await fetch(`${test.base}/live`)).status).to.equal(200);
  });

  it('answers 504 where a handler does not answer, and ignores what it says later', async () => {
    const response = await fetch(`${test.base}/later`);
    expect(response.status).to.equal(504);
    expect((await problem(response)).code).to.equal('timeout');
    for (const late of waiting) late({ status: 200, body: {} });
    expect((await fetch(`${test.base}/live`)).status).to.equal(200);
  });

  it('never mixes up the answers of pipelined requests', async () => {
    const two = raw(
      test,
      'GET /things/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /things/2 HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await until('answers or the end', () => two.closed() || two.text().includes('"2"'));
    const bodies = two.text().match(/"id":"\d"/g) ?? [];
    expect(['', '"id":"1"', '"id":"1","id":"2"']).to.include(bodies.join());
    two.socket.destroy();
  });

  it('ends a connection whose request names two lengths, and reads nothing after it', async () => {
    const connection = raw(
      test,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}',
      'GET /things/smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    expect(await connection.gone()).to.not.include('smuggled');
    expect(seen).to.deep.equal([]);
  });

  it('tells nobody what broke, but the log', async () => {
    const response = await fetch(`${test.base}/broken`);
    expect(response.status).to.equal(500);
    const text = await response.text();
    expect(text).to.include('"code":"internal"').and.not.include('secret');
    expect(test.lines.some(({ err }) => JSON.stringify(err)?.includes('a secret of ours'))).to.equal(true);
  });

  it('never lets a handler write header lines of its own making', async () => {
    const response = await fetch(`${test.base}/split`);
    expect(response.status).to.equal(500);
    expect(response.headers.get('set-cookie')).to.equal(null);
  });

  it('asks for a bearer token where a route needs a user', async () => {
    const user = newId();
    const get = (authorization?: string) =>
      fetch(`${test.base}/mine`, authorization === undefined ? {} : { headers: { authorization } });
    const without = await get();
    expect(without.status).to.equal(401);
    expect(without.headers.get('www-authenticate')).to.equal('Bearer');
    for (const bad of ['Basic abc', 'Bearer', 'Bearer a.b.c', `Bearer ${test.token(user)}x`])
      expect((await get(bad)).status, bad).to.equal(401);
    const login = newId();
    const token = test.token(user, login);
    expect((await get(`Bearer ${token}`)).status).to.equal(200);
    expect(seen[0]?.caller).to.include({ user_id: user, login_id: login });
    test.bus.publish('logins.revoked', { frame: '', note: { user_id: user, login_ids: [login] } });
    const revoked = await get(`Bearer ${token}`);
    expect(revoked.status).to.equal(401);
    expect((await problem(revoked)).reason).to.equal('login_revoked');
  });

  it('writes one log line a request, without query, path values or tokens', async () => {
    await fetch(`${test.base}/things/hidden?secret=1`, {
      headers: { 'x-request-id': 'line-1', authorization: 'Bearer hidden' },
    });
    const lines = await until('the line', () => {
      const own = test.lines.filter(({ request_id }) => request_id === 'line-1');
      return own.length > 0 && own;
    });
    expect(lines.length).to.equal(1);
    const { time, ms, ...line } = lines[0] ?? {};
    expect(line).to.deep.equal({
      level: 'info',
      namespace: 'http',
      request_id: 'line-1',
      method: 'GET',
      route: '/things/{id}',
      status: 200,
    });
    expect(new Date(String(time)).getTime()).to.be.greaterThan(0);
    expect(ms).to.be.a('number');
  });

  it('counts requests by route pattern and code', async () => {
    await fetch(`${test.base}/refused`);
    const text = await (await fetch(`${test.base}/metrics`)).text();
    expect(text).to.match(
      /suhbat_requests_total\{method="GET",route="\/refused",status="409",code="conflict"\} [1-9]/,
    );
    expect(text).to.not.include('hidden');
  });

  it('serves the system routes', async () => {
    const get = (path: string) => fetch(test.base + path);
    const health = (await (await get('/health')).json()) as { status: string; version: string };
    expect(health).to.include({ status: 'ok', version: 'test' });
    expect((await get('/live')).status).to.equal(200);
    expect((await get('/ready')).status).to.equal(200);
    const keys = await get('/.well-known/jwks.json');
    expect(((await keys.json()) as { keys: object[] }).keys.length).to.equal(1);
    expect(keys.headers.get('cache-control')).to.equal('public, max-age=300');
    expect(keys.headers.get('vary')).to.equal('Origin');
    expect((await get('/ws')).status).to.equal(400);
  });
});

describe('gateway: starting', () => {
  it('says in one sentence that a port is taken', async () => {
    const first = await startGateway();
    try {
      const second = await startGateway({ settings: { port: first.port } }).then(
        () => undefined,
        (error: Error) => error,
      );
      expect(second?.name).to.equal('StartError');
      expect(second?.message).to.include(`127.0.0.1:${first.port}`);
    } finally {
      await first.stop();
    }
  });
});

describe('gateway: REST limits and addresses', () => {
  const rate = (burst: number) => ({ amount: burst, perMs: 60_000, burst });
  const seen: string[] = [];
  const own = async ({ ip }: RouteRequest) => {
    seen.push(ip());
    return { status: 204 };
  };
  const base = { summary: '', replies: {}, handle: own };
  const Login = Type.Object({ login: Type.Optional(Type.String()), email: Type.Optional(Type.String()) });
  const routes: Route[] = [
    { ...base, method: 'POST', path: '/login', auth: 'open', limit: 'auth', body: Login },
    { ...base, method: 'GET', path: '/calls', auth: 'user', limit: 'calls' },
    { ...base, method: 'POST', path: '/send', auth: 'user', limit: 'messages' },
    { ...base, method: 'GET', path: '/ip', auth: 'open', limit: 'none' },
  ];
  let test: GatewayTest;
  beforeEach(async () => {
    seen.length = 0;
    test = await startGateway({
      routes,
      settings: { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] },
      rates: { authPerAddress: rate(2), authPerIp: rate(4), calls: rate(3), messages: rate(2) },
    });
  });
  afterEach(() => test.stop());

  const login = (name: string, ip = '1.1.1.1') =>
    fetch(`${test.base}/login`, {
      method: 'POST',
      body: JSON.stringify(name.includes('@') ? { email: name } : { login: name }),
      headers: { 'content-type': 'application/json', 'x-forwarded-for': ip },
    });

  it('limits tries for one name, however it is written, from wherever they come', async () => {
    expect((await login('Anna', '1.1.1.1')).status).to.equal(204);
    expect((await login(' anna', '1.1.1.2')).status).to.equal(204);
    const third = await login('ANNA', '1.1.1.3');
    expect(third.status).to.equal(429);
    expect(Number(third.headers.get('retry-after'))).to.be.within(1, 60);
    expect(third.headers.get('ratelimit')).to.match(/^"authPerAddress";r=0;t=\d+$/);
    expect(third.headers.get('ratelimit-policy')).to.equal('"authPerAddress";q=2;w=60');
    expect((await login('bob', '1.1.1.3')).status).to.equal(204);
  });

  it('limits tries from one address', async () => {
    const codes = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) codes.push((await login(name)).status);
    expect(codes).to.deep.equal([204, 204, 204, 204, 429]);
    expect((await login('f', '2.2.2.2')).status).to.equal(204);
  });

  it('limits calls by user and messages by login', async () => {
    const user = newId();
    const [one, two] = [test.token(user, newId()), test.token(user, newId())];
    const codes: number[] = [];
    const go = async (method: string, path: string, token: string) => {
      const response = await fetch(test.base + path, {
        method,
        headers: { authorization: `Bearer ${token}` },
      });
      codes.push(response.status);
    };
    for (const token of [one, two, one, two]) await go('GET', '/calls', token);
    for (const token of [one, one, one, two]) await go('POST', '/send', token);
    expect(codes).to.deep.equal([204, 204, 204, 429, 204, 204, 429, 204]);
  });

  it('believes X-Forwarded-For only as far as our proxies wrote it', async () => {
    const get = (forwarded?: string) =>
      fetch(`${test.base}/ip`, forwarded === undefined ? {} : { headers: { 'x-forwarded-for': forwarded } });
    await get();
    await get('6.6.6.6, 5.5.5.5');
    await get('6.6.6.6, 5.5.5.5, 10.1.2.3');
    await get('6.6.6.6, nonsense');
    await get('2001:DB8:0::1');
    expect(seen).to.deep.equal(['127.0.0.1', '5.5.5.5', '5.5.5.5', '127.0.0.1', '2001:db8::1']);
    const two = raw(
      test,
      'GET /ip HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 5.5.5.5\r\n\r\n',
    );
    await two.has('204');
    two.socket.destroy();
    expect(seen[5]).to.equal('5.5.5.5');
  });
});
