import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { startGateway } from './support.ts';
import { problem, useThings } from './things.ts';

describe('gateway: REST', () => {
  const things = useThings();
  const { seen, post } = things;

  it('answers what no route takes with 404, as a problem document', async () => {
    const response = await fetch(`${things.gateway.base}/nothing/here`, {
      headers: { 'x-request-id': 'abc.1' },
    });
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
      const response = await fetch(`${things.gateway.base}/live`, { headers: { 'x-request-id': given } });
      expect(response.headers.get('x-request-id'))
        .to.match(/^[\w.-]{5,}$/)
        .and.not.equal(given);
    }
  });

  it('answers another method with 405 and every method that the path takes', async () => {
    const response = await fetch(`${things.gateway.base}/things/1`, { method: 'DELETE' });
    expect(response.status).to.equal(405);
    expect(response.headers.get('allow')).to.equal('GET, PATCH, HEAD, OPTIONS');
    expect((await problem(response)).code).to.equal('method_not_allowed');
  });

  it('answers a preflight with 204, and names an allowed origin only', async () => {
    const ask = (origin: string) =>
      fetch(`${things.gateway.base}/things`, {
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
    const answer = await fetch(`${things.gateway.base}/refused`, {
      headers: { origin: 'https://chat.example' },
    });
    expect(answer.headers.get('access-control-allow-origin')).to.equal('https://chat.example');
    expect(answer.headers.get('access-control-expose-headers')).to.include('X-Request-Id');
    expect(answer.headers.get('vary')).to.equal('Origin');
  });

  it('decodes parameters once, keeps the case of names and lowers that of ids', async () => {
    const id = newId();
    await fetch(`${things.gateway.base}/things/a%2520b%2Fc`);
    await fetch(`${things.gateway.base}/things/${id.toUpperCase()}`);
    await fetch(`${things.gateway.base}/things/Anna`);
    expect(seen.map(({ params }) => params.id)).to.deep.equal(['a%20b/c', id, 'Anna']);
  });

  it('refuses parameters that are not well encoded', async () => {
    for (const bad of ['%zz', '%ff', '%00', 'a%c3%28'])
      expect((await fetch(`${things.gateway.base}/things/${bad}`)).status, bad).to.equal(400);
  });

  it('passes known query parameters, ignores the others, and refuses bad values', async () => {
    await fetch(`${things.gateway.base}/search?q=a%20b&q=c&x=1&__proto__=2`);
    expect(seen[0]?.query).to.deep.equal({ q: 'a b' });
    expect((await fetch(`${things.gateway.base}/search?q=abcdef`)).status).to.equal(400);
    expect((await fetch(`${things.gateway.base}/search?q=%00`)).status).to.equal(400);
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
    const missing = await problem(await fetch(`${things.gateway.base}/things`, { method: 'POST' }));
    expect(missing.errors).to.deep.equal([{ path: '/name', message: 'is required' }]);
    expect(seen).to.deep.equal([]);
  });

  it('tells nobody what broke, but the log', async () => {
    const response = await fetch(`${things.gateway.base}/broken`);
    expect(response.status).to.equal(500);
    const text = await response.text();
    expect(text).to.include('"code":"internal"').and.not.include('secret');
    expect(
      things.gateway.lines.some(({ err }) => JSON.stringify(err)?.includes('a secret of ours')),
    ).to.equal(true);
  });

  it('never lets a handler write header lines of its own making', async () => {
    const response = await fetch(`${things.gateway.base}/split`);
    expect(response.status).to.equal(500);
    expect(response.headers.get('set-cookie')).to.equal(null);
  });

  it('asks for a bearer token where a route needs a user', async () => {
    const user = newId();
    const get = (authorization?: string) =>
      fetch(`${things.gateway.base}/mine`, authorization === undefined ? {} : { headers: { authorization } });
    const without = await get();
    expect(without.status).to.equal(401);
    expect(without.headers.get('www-authenticate')).to.equal('Bearer');
    for (const bad of ['Basic abc', 'Bearer', 'Bearer a.b.c', `Bearer ${things.gateway.token(user)}x`])
      expect((await get(bad)).status, bad).to.equal(401);
    const login = newId();
    const token = things.gateway.token(user, login);
    expect((await get(`Bearer ${token}`)).status).to.equal(200);
    expect(seen[0]?.caller).to.include({ user_id: user, login_id: login });
    things.gateway.bus.publish('logins.revoked', { frame: '', note: { user_id: user, login_ids: [login] } });
    const revoked = await get(`Bearer ${token}`);
    expect(revoked.status).to.equal(401);
    expect((await problem(revoked)).reason).to.equal('login_revoked');
  });

  it('writes one log line a request, without query, path values or tokens', async () => {
    await fetch(`${things.gateway.base}/things/hidden?secret=1`, {
      headers: { 'x-request-id': 'line-1', authorization: 'Bearer hidden' },
    });
    const lines = await until('the line', () => {
      const own = things.gateway.lines.filter(({ request_id }) => request_id === 'line-1');
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
    await fetch(`${things.gateway.base}/refused`);
    const text = await (await fetch(`${things.gateway.base}/metrics`)).text();
    expect(text).to.match(
      /suhbat_requests_total\{method="GET",route="\/refused",status="409",code="conflict"\} [1-9]/,
    );
    expect(text).to.not.include('hidden');
  });

  it('serves the system routes', async () => {
    const get = (path: string) => fetch(things.gateway.base + path);
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
