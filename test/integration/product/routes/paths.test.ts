import { expect } from 'chai';
import { newId } from '../../../../schemas/ids.ts';
import type { Problem } from '../../../../schemas/rest/problem.ts';
import { product, useProduct } from '../support/program.ts';
import { rest, routes } from '../support/rest.ts';
import { newUser } from '../support/users.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const paths = [...Map.groupBy(routes.values(), ({ path }) => path)];

describe('every path', () => {
  useProduct();

  for (const [pattern, rows] of paths)
    it(`${pattern} refuses other methods with 405, and says in Allow which it takes`, async () => {
      const path = pattern.replaceAll(/\{\w+\}/g, newId());
      const taken = rows.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
      const allow = [...taken, 'OPTIONS'];
      for (const method of methods.filter((other) => !taken.includes(other))) {
        const { status, headers, body } = await rest<Problem | ''>(method, path);
        expect(status).to.equal(405);
        expect(headers.get('allow')?.split(', ')).to.have.members(allow);
        if (body !== '') expect(body.code).to.equal('method_not_allowed');
      }
      const options = await rest<string>('OPTIONS', path);
      expect([options.status, options.body]).to.deep.equal([204, '']);
      expect(options.headers.get('allow')?.split(', ')).to.have.members(allow);
    });

  it('that is no route is 404, with or without a token, by every method', async () => {
    const { tokens } = await newUser();
    for (const path of ['/nothing', '/api/v1', '/api/v1/chats/x/y/z', '/me/', '/ME', '//me', '/api/v2/chats'])
      for (const method of ['GET', 'POST', 'DELETE'])
        for (const token of [undefined, tokens.access_token]) {
          const { status, body } = await rest<Problem>(method, path, { token });
          expect({ path, status, code: body.code }).to.deep.equal({ path, status: 404, code: 'not_found' });
        }
  });

  it('is told to pages of no foreign origin: no Access-Control header without an allowlist', async () => {
    for (const method of ['OPTIONS', 'GET']) {
      const { headers } = await rest<string>(method, '/health', {
        headers: { origin: 'https://evil.example' },
      });
      expect(headers.get('access-control-allow-origin')).to.equal(null);
      expect(headers.get('access-control-allow-credentials')).to.equal(null);
    }
  });
});

describe('a problem document', () => {
  useProduct();

  it('has type, title, status, code, request_id, and what else there is to say, and nothing more', async () => {
    const { tokens } = await newUser();
    const token = tokens.access_token;
    const plain = await rest<Problem>('GET', '/nothing', { headers: { 'x-request-id': 'mine' } });
    expect(plain.body).to.deep.equal({
      type: 'urn:suhbat:problem:not_found',
      title: 'There is no such thing, or not for you',
      status: 404,
      code: 'not_found',
      reason: 'no_route',
      request_id: 'mine',
    });
    expect(plain.headers.get('content-type')).to.equal('application/problem+json');
    expect(plain.headers.get('cache-control')).to.equal('no-store');
    expect(plain.headers.get('x-content-type-options')).to.equal('nosniff');
    const invalid = await rest<Problem>('POST', '/api/v1/presence', {
      token,
      body: { user_ids: 7, more: 1 },
    });
    const { request_id } = invalid.body;
    expect(invalid.body).to.deep.equal({
      type: 'urn:suhbat:problem:invalid',
      title: 'The request breaks the schema',
      status: 400,
      code: 'invalid',
      request_id,
      errors: [
        { path: '/more', message: 'is not known here' },
        { path: '/user_ids', message: 'must be array' },
      ],
    });
  });

  it('names the request by a good id of the caller, else by one of ours, each its own', async () => {
    const ask = async (id?: string) => {
      const headers = id === undefined ? {} : { 'x-request-id': id };
      const { headers: got } = await rest<Problem>('GET', '/nothing', { headers });
      return got.get('x-request-id');
    };
    for (const good of ['a', 'A-z_0.9:x', 'x'.repeat(64)]) expect(await ask(good)).to.equal(good);
    for (const bad of ['', 'x'.repeat(65), 'a b', 'é', '<script>', 'a,b'])
      expect(await ask(bad)).not.to.equal(bad);
    const ours = await Promise.all(Array.from({ length: 10 }, () => ask()));
    expect(new Set(ours).size).to.equal(10);
    expect(product().url).to.match(/^http/);
  });
});
