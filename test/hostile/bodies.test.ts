import { expect } from 'chai';
import fc from 'fast-check';
import type { TSchema } from 'typebox';
import type { Route } from '../../gateway/http/route.ts';
import { type Answer, expectContract, type HttpClient, httpClient } from './support/http-client.ts';
import { goodBodies, pathOf, routes, type Scene, sayCalm, setScene } from './support/scene.ts';
import { accepts, badBytes, seed, spoiltObjects, wrecks } from './support/spoil.ts';
import { startTarget, type Target } from './support/target.ts';

interface Operation {
  requestBody?: object;
  security?: object[];
}

const nameOf = ({ method, path }: Route) => `${method} ${path}`;

const harmless = new Set([
  'GET /api/v1/users/{id}/presence',
  'DELETE /api/v1/contacts/{user_id}',
  'DELETE /users/{id}/block',
]);

describe('hostile input over REST', function () {
  this.timeout(60_000);
  let target: Target;
  let client: HttpClient;
  let scene: Scene;

  before(async () => {
    target = await startTarget();
    client = httpClient(target.port);
    scene = await setScene(target);
  });
  after(async () => {
    scene?.line.close();
    client?.close();
    await target?.end();
  });
  afterEach('the program is well', () => target.expectWell());

  const withBody = routes.filter(({ body }) => body !== undefined);

  async function send(route: Route, body: string | Uint8Array, headers = {}): Promise<Answer> {
    const ask = { token: scene.attacker.token, body, headers };
    const answer = await client.ask(route.method, pathOf(route, scene), ask);
    expectContract(answer);
    return answer;
  }

  function expectInvalid({ status, json, text }: Answer): void {
    expect({ status, code: json.code }, text.slice(0, 500)).to.deep.equal({ status: 400, code: 'invalid' });
  }

  it('has a good body to spoil for every route that takes one', () => {
    expect(withBody.map(nameOf).sort()).to.deep.equal(Object.keys(goodBodies(scene)).sort());
  });

  it('knows every route that the program serves to users, or takes a body at', async () => {
    const { json } = await client.ask('GET', '/openapi.json');
    const paths = Object.entries(json.paths as Record<string, Record<string, Operation>>);
    const served = paths.flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, { requestBody, security }]) =>
        requestBody !== undefined || (security?.length ?? 0) > 0 ? [`${method.toUpperCase()} ${path}`] : [],
      ),
    );
    expect(served).to.have.length.greaterThan(20);
    expect(routes.map(nameOf)).to.include.members(served.filter((name) => name !== 'GET /ws'));
  });

  it('refuses bodies that break the schema as `invalid`, and nothing of them is stored', async () => {
    const before = await target.stored();
    const seq = await sayCalm(scene);
    for (const route of withBody) {
      const schema = route.body as TSchema;
      const good = goodBodies(scene)[nameOf(route)] ?? {};
      const takes = accepts(schema);
      const broken = spoiltObjects(schema, good).filter((text) => !takes(text));
      await fc.assert(
        fc.asyncProperty(broken, async (text) => expectInvalid(await send(route, text))),
        { seed, numRuns: 80 },
      );
    }
    expect(await sayCalm(scene)).to.equal(seq + 1);
    expect(await target.stored()).to.equal(before);
  });

  it('refuses what is no JSON object, or no UTF-8, or of another type', async () => {
    const before = await target.stored();
    for (const route of withBody) {
      const good = JSON.stringify(goodBodies(scene)[nameOf(route)]);
      const takes = accepts(route.body as TSchema);
      const wreck = wrecks.filter((text) => text !== '' && !takes(text));
      await fc.assert(
        fc.asyncProperty(wreck, async (text) => expectInvalid(await send(route, text))),
        { seed, numRuns: 12 },
      );
      await fc.assert(
        fc.asyncProperty(badBytes(good), async (bytes) => expectInvalid(await send(route, bytes))),
        { seed, numRuns: 12 },
      );
      for (const type of [
        'text/plain',
        'application/json; charset=latin1',
        'multipart/form-data',
        'application/x-www-form-urlencoded',
        'application/json5',
      ])
        expect((await send(route, good, { 'content-type': type })).json.code, type).to.equal(
          'unsupported_media_type',
        );
    }
    expect(await target.stored()).to.equal(before);
  });

  it('refuses bodies of more than 1 MiB as `too_large`, and survives deep ones of just less', async () => {
    const most = 1024 * 1024;
    for (const route of withBody) {
      const huge = await send(route, `{"x":"${'x'.repeat(most)}"}`);
      expect(huge.json.code).to.equal('too_large');
      const levels = Math.floor((most - 20) / 6);
      const nested = Object.keys(goodBodies(scene)[nameOf(route)] ?? {}).filter(
        (field) => field === 'settings' || field === 'chats',
      );
      for (const field of ['x', ...nested]) {
        const deep = await send(route, `{"${field}":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`);
        // The only body that takes objects of any shape is bounded by its bytes.
        expect(['invalid', 'unprocessable']).to.include(deep.json.code);
      }
    }
  });

  it('gives a catalogue answer to whatever else the schema lets through', async () => {
    for (const route of withBody) {
      const schema = route.body as TSchema;
      const takes = accepts(schema);
      // The scene ends where its login ends, or the attacker leaves the group: then it is set anew.
      if (route.path === '/api/v1/auth/refresh') continue;
      const spoilt = spoiltObjects(schema, goodBodies(scene)[nameOf(route)] ?? {});
      // Some schemas let nearly nothing through: what is found among so many will do.
      const wild = fc.sample(spoilt, { seed, numRuns: 300 }).filter(takes).slice(0, 25);
      for (const text of wild) await send(route, text);
    }
    await sayCalm(scene);
  });

  it('gives a catalogue answer to every path parameter', async () => {
    const wild = fc.oneof(
      fc.constantFrom(
        '.',
        '..',
        '%',
        '\0',
        '\ud7ff',
        '__proto__',
        'constructor',
        'me',
        '-1',
        '1e9',
        '9'.repeat(400),
      ),
      fc.constantFrom(
        '0190b5a0-0000-7000-8000-000000000000\n',
        "' or 1=1--",
        '💥',
        'x'.repeat(2000),
        'a/b',
        'a?b',
        '\u202E',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }),
    );
    const ids = fc.uuid().map((id) => id.toUpperCase());
    for (const route of routes.filter(({ path }) => path.includes('{'))) {
      const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
      const params = fc.tuple(fc.constantFrom(...names), fc.oneof({ weight: 4, arbitrary: wild }, ids));
      const good = goodBodies(scene)[nameOf(route)];
      await fc.assert(
        fc.asyncProperty(params, async ([name, value]) => {
          const body = good && JSON.stringify(good);
          const path = pathOf(route, scene, { [name]: value });
          const answer = await client.ask(route.method, path, { token: scene.attacker.token, body });
          expectContract(answer);
          // Nobody with such an id may be asked about, and is no contact or blocked one afterwards either.
          if (!harmless.has(nameOf(route)))
            expect(answer.status, `${path} ${answer.text}`).to.be.greaterThanOrEqual(400);
        }),
        { seed, numRuns: 25 },
      );
    }
  });

  it('gives a catalogue answer to every query', async () => {
    const raw = fc.oneof(
      fc.constantFrom(
        '%',
        '%ff',
        '%00',
        '%zz',
        '%ed%a0%80',
        '+',
        '',
        '-1',
        '0',
        '101',
        '1e2',
        '1.0',
        '01',
        '99999999999999999999',
      ),
      fc.constantFrom(
        'AAAA',
        'e30',
        'W10',
        'bnVsbA',
        'eyJyYW5rIjoxZTQwMCwiaWQiOiJ4In0',
        'x'.repeat(600),
        '%F0%9F%92%A5',
        '%25',
        '_%25%5C',
      ),
      fc.string({ unit: 'grapheme', maxLength: 60 }).map(encodeURIComponent),
      fc.jsonValue({ maxDepth: 2 }).map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
    );
    for (const route of routes.filter(({ path, query }) => query !== undefined && !/logout/.test(path))) {
      const names = Object.keys((route.query as { properties?: object }).properties ?? {});
      const pair = fc.tuple(fc.constantFrom(...names, 'nonsense', '__proto__', 'limit[]', ''), raw);
      await fc.assert(
        fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 4 }), async (pairs) => {
          const query = pairs.map(([name, value]) => `${name}=${value}`).join('&');
          const path = `${pathOf(route, scene)}?${query}`;
          expectContract(await client.ask(route.method, path, { token: scene.attacker.token }));
        }),
        { seed, numRuns: 60 },
      );
    }
  });

  it('gives a catalogue answer whatever the headers say', async () => {
    const value = fc.oneof(
      fc.constantFrom(
        '',
        ' ',
        '0',
        '-1',
        'null',
        '*',
        '"',
        '""',
        'W/"',
        'bytes=0-',
        'bytes=9-1',
        'a,,b',
        ';q=',
        'x'.repeat(1500),
      ),
      fc.constantFrom(
        'Bearer',
        'Bearer ',
        'Bearer  x',
        'Basic eDp5',
        'Bearer e30.e30.e30',
        'Bearer ..',
        '\u00ff\u00fe',
        '%00',
      ),
      fc.stringMatching(/^[\x20-\x7e\xa0-\xff]{0,80}$/),
    );
    const header = fc.constantFrom(
      ...[
        'authorization',
        'content-type',
        'user-agent',
        'x-request-id',
        'idempotency-key',
        'if-match',
        'if-none-match',
      ],
      ...[
        'accept',
        'accept-encoding',
        'accept-language',
        'origin',
        'range',
        'x-forwarded-for',
        'cookie',
        'last-event-id',
      ],
      ...['access-control-request-method', 'sec-websocket-key', 'te', 'via', 'referer', 'apikey'],
    );
    for (const route of routes) {
      const good = goodBodies(scene)[nameOf(route)];
      // So that trying a good request often changes nothing that the next one needs.
      const body = good && JSON.stringify({ ...good, nonsense: 1 });
      const path = pathOf(route, scene, { id: 'nothing', user_id: 'nothing', seq: '0' });
      if (/logout/.test(path)) continue;
      await fc.assert(
        fc.asyncProperty(fc.dictionary(header, value, { minKeys: 1, maxKeys: 3 }), async (headers) => {
          expectContract(
            await client.ask(route.method, path, { token: scene.attacker.token, body, headers }),
          );
        }),
        { seed, numRuns: 25 },
      );
    }
  });

  it('serves good requests after all of that', async () => {
    const { attacker } = scene;
    const { status, json } = await client.ask('GET', '/me', { token: attacker.token });
    expect({ status, id: json.id }).to.deep.equal({ status: 200, id: attacker.id });
    await sayCalm(scene);
  });
});
