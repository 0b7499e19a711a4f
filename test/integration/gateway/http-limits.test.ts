import { expect } from 'chai';
import Type from 'typebox';
import type { Route, RouteRequest } from '../../../gateway/http/route.ts';
import { newId } from '../../../schemas/ids.ts';
import { raw } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

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
