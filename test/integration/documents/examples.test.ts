import { expect } from 'chai';
import type { Json } from '../../../gateway/documents/components.ts';
import type { RouteExample } from '../../../gateway/documents/examples/example.ts';
import { routeExamples } from '../../../gateway/documents/examples/examples.ts';
import * as scene from '../../../gateway/documents/examples/scene.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { type Problem, problemOf } from '../../../schemas/rest/problem.ts';
import { firstEvent } from '../../support/first-event.ts';
import { differences } from './alike.ts';
import { checker, pointer } from './check.ts';
import { mailedCode } from './codes.ts';
import { commonProblem, follow, useServer } from './server.ts';
import { buildWorld, type World } from './world.ts';

interface Operation {
  security: unknown[];
  requestBody?: unknown;
  responses: Record<string, Json>;
}

describe('the examples of the OpenAPI document', function () {
  this.timeout(120_000);

  const server = useServer({ SUHBAT_RATE_LIMIT_FACTOR: '1000' });

  function operationOf(name: string): [string, Operation] {
    const [method = '', path = ''] = name.split(' ');
    const paths = server().openApi.paths as Record<string, Record<string, Operation>>;
    return [`/paths${pointer(path, method.toLowerCase())}`, paths[path]?.[method.toLowerCase()] as Operation];
  }

  /** Sends the example into a world, with or without its token, and whatever `more` changes. */
  async function send(name: string, example: RouteExample, world: World, more: RequestInit = {}) {
    const [method = '', path = ''] = name.split(' ');
    const { by = 'ali', params = {}, query, body, file, plain } = world.real(example);
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, param: string) =>
      encodeURIComponent(params[param] ?? ''),
    );
    const token = world.tokens[(example.by ?? by) as scene.Person];
    const response = await fetch(`${server().url}${filled}${query ? `?${new URLSearchParams(query)}` : ''}`, {
      method,
      headers: {
        'User-Agent': scene.device,
        ...(operationOf(name)[1].security.length > 0 && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(plain && { 'Content-Type': plain.type }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(file && { body: formOf(file) }),
      ...(plain && { body: plain.text }),
      ...more,
    });
    const type = response.headers.get('content-type');
    const text = type === 'text/event-stream' ? await firstEvent(response) : await response.text();
    hold(name, response, type, text);
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : sameForAll(parse(text)),
    };
  }

  function formOf({ name, text, base64 = '', fields = {} }: NonNullable<RouteExample['file']>): FormData {
    const form = new FormData();
    for (const [field, value] of Object.entries(fields)) form.append(field, value);
    form.append('file', new Blob([text ?? new Uint8Array(Buffer.from(base64, 'base64'))]), name);
    return form;
  }

  /** What only supabase-js reads: repetitions of a problem's fields, and the second at which a token ends. */
  function sameForAll(body: unknown): unknown {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
    const { error_code: _, msg: __, ...rest } = body as Json;
    return 'expires_at' in rest ? { ...rest, expires_at: 1_774_079_100 } : rest;
  }

  function parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  let check: ReturnType<typeof checker>;
  before(() => {
    check = checker(server().openApi, '2020-12');
  });

  /** Whatever is answered is documented: its status, media type, schema, and code and reason. */
  function hold(name: string, { status, headers }: Response, type: string | null, text: string): void {
    const [at, { responses }] = operationOf(name);
    const given = responses[status] as { $ref?: string } | undefined;
    expect(given, `${name} answers ${status}: ${text}`).to.not.equal(undefined);
    const response = follow(server().openApi, given);
    const content = response.content as Json | undefined;
    expect(headers.get('x-request-id'), name).to.be.a('string');
    if (content === undefined) {
      expect(text, name).to.equal('');
      return;
    }
    const [media = ''] = Object.keys(content);
    expect(type, name).to.satisfy((found: string) => media === '*/*' || found.startsWith(media));
    const place = given?.$ref?.slice(1) ?? `${at}/responses/${status}`;
    expect(check(`${place}/content${pointer(media)}/schema`, parse(text)), text).to.equal(undefined);
    const reasons = response['x-reasons'] as Record<string, string[]> | undefined;
    if (reasons === undefined) return;
    const { code, reason } = parse(text) as Problem;
    expect(reasons, name).to.have.property(code);
    if (reason !== undefined) expect(reasons[code], `${name} ${code}`).to.include(reason);
  }

  for (const [name, examples] of Object.entries(routeExamples)) {
    it(`are true: ${name}`, async () => {
      await Promise.all(
        Object.entries(examples).map(async ([title, example]) => {
          const world = await buildWorld(server().url);
          if (name === 'GET /messages/search') await world.settled();
          const wants = JSON.stringify(example.body)?.includes(scene.mailedCode) && !example.refusal;
          const code = wants ? await mailedCode(name, server(), world) : scene.mailedCode;
          const sent = wants ? { ...example, body: { ...(example.body as object), code } } : example;
          const { status, body } = await send(name, sent, world);
          const documented = example.refusal ? problemOf(example.refusal, '') : example.reply;
          expect(status, `${title}: ${JSON.stringify(body)}`).to.equal(example.status);
          // The bytes of a picture are nothing to show.
          if (documented === undefined && typeof body === 'string') return;
          expect(differences(documented, world.example(body)), title).to.deep.equal([]);
        }),
      );
    });
  }

  it('are refused without a token, wherever one is asked for', async () => {
    const world = await buildWorld(server().url);
    const named = Object.entries(routeExamples).filter(([name]) => operationOf(name)[1].security.length > 0);
    expect(named).to.have.length.above(20);
    for (const [name, examples] of named) {
      const [example] = Object.values(examples) as [RouteExample];
      const { status, headers, body } = await send(name, example, world, { headers: {}, body: null });
      expect(status, name).to.equal(401);
      expect(headers.get('www-authenticate')).to.equal('Bearer');
      expect(differences(commonExample('Unauthenticated', 'no_token'), body)).to.deep.equal([]);
    }
  });

  const commonExample = (response: string, title: string) => commonProblem(server().openApi, response, title);

  it('are refused with another body: unknown fields, another type, too large', async () => {
    const world = await buildWorld(server().url);
    const named = Object.entries(routeExamples).filter(([name]) => {
      const { requestBody } = operationOf(name)[1] as { requestBody?: { content: object } };
      return requestBody !== undefined && 'application/json' in requestBody.content;
    });
    expect(named).to.have.length.above(10);
    for (const [name, examples] of named) {
      const [example] = Object.values(examples) as [RouteExample];
      const unknown = { ...example, body: { ...(example.body as object), nonsense: 1 } };
      // What supabase-js sends beyond that is ignored.
      if (!name.includes('/auth/v1/')) expect((await send(name, unknown, world)).status, name).to.equal(400);

      const token = world.tokens[example.by ?? 'ali'];
      const plain = { 'Content-Type': 'text/plain', Authorization: `Bearer ${token}` };
      const { status, body } = await send(name, example, world, { headers: plain });
      expect(status, name).to.equal(415);
      const other = commonExample('UnsupportedMediaType', 'unsupported_media_type');
      expect(differences(other, body)).to.deep.equal([]);

      const large = await send(name, example, world, { body: ' '.repeat(1024 * 1024 + 1) });
      expect(large.status, name).to.equal(413);
      expect(differences(commonExample('TooLarge', 'too_large'), large.body)).to.deep.equal([]);
    }
  });

  it('are refused once a refresh token was used twice', async () => {
    const name = 'POST /api/v1/auth/refresh';
    const world = await buildWorld(server().url);
    const { refreshed } = routeExamples[name] as { refreshed: RouteExample };
    const first = (await send(name, refreshed, world)).body as Tokens;
    const next = { ...refreshed, body: { refresh_token: first.refresh_token } };
    await send(name, next, world);
    const { status, body } = await send(name, refreshed, world);
    expect([status, (body as Problem).reason]).to.deep.equal([401, 'refresh_reused']);
  });
});
