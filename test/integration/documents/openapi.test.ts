import { expect } from 'chai';
import type { Json } from '../../../gateway/documents/components.ts';
import { routeExamples } from '../../../gateway/documents/examples/examples.ts';
import type { Route } from '../../../gateway/http/route.ts';
import { lintOpenApi } from './lint.ts';
import { follow, useServer } from './server.ts';
import { everyRoute } from './tables.ts';

interface Operation extends Json {
  parameters?: { name: string; in: string; required: boolean; schema: Json; examples?: Json }[];
  requestBody?: { content: Record<string, { examples?: Json }> };
  responses: Record<string, Json & { content?: Record<string, { examples?: Json }> }>;
  security: unknown[];
}

describe('the OpenAPI document', function () {
  this.timeout(120_000);

  const server = useServer();
  let routes: Route[] = [];
  before(async () => {
    routes = await everyRoute();
  });

  const nameOf = ({ method, path }: Pick<Route, 'method' | 'path'>) => `${method} ${path}`;

  function operations(): Map<string, Operation> {
    const paths = server().openApi.paths as Record<string, Record<string, Operation>>;
    return new Map(
      Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation]),
      ),
    );
  }

  it('breaks no rule of the linter', async () => {
    const { errors, warnings } = await lintOpenApi(server().openApi);
    expect(errors).to.deep.equal([]);
    expect(warnings).to.deep.equal([]);
  });

  it('has every route of the tables, and no other', () => {
    expect([...operations().keys()]).to.have.members(routes.map(nameOf));
  });

  it('has what the server serves: each path takes the methods that stand there, and no others', async () => {
    const paths = Object.entries(server().openApi.paths as Record<string, Json>);
    for (const [path, methods] of paths) {
      const concrete = path.replaceAll(/\{\w+\}/g, 'x');
      const { headers } = await fetch(server().url + concrete, { method: 'OPTIONS' });
      const named = Object.keys(methods).map((method) => method.toUpperCase());
      const allowed = [...named, ...(named.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
      expect(headers.get('allow')?.split(', '), path).to.have.members(allowed);
    }
  });

  it('names the parameters, the body and the replies that each row has', () => {
    const security = {
      user: [{ bearer: [] }],
      ticket: [{ bearer: [] }, {}],
      signature: [{ bearer: [] }, {}],
      open: [],
    };
    for (const route of routes) {
      const operation = operations().get(nameOf(route));
      const parameters = (where: string) =>
        (operation?.parameters ?? []).filter((one) => one.in === where).map(({ name }) => name);
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const { properties = {} } = (route.query ?? {}) as { properties?: object };
      const said = nameOf(route);
      expect(parameters('path'), said).to.have.members(inPath);
      expect(parameters('query'), said).to.have.members(Object.keys(properties));
      expect(operation?.requestBody !== undefined, said).to.equal((route.body ?? route.upload) !== undefined);
      expect(operation?.security, said).to.deep.equal(security[route.auth]);
      expect(Object.keys(operation?.responses ?? {}), said).to.include.members(Object.keys(route.replies));
    }
  });

  it('says of every refusal which codes it has, as a problem document', () => {
    for (const [name, { responses }] of operations())
      for (const [status, given] of Object.entries(responses)) {
        const response = follow(server().openApi, given);
        expect(response.headers, `${name} ${status}`).to.have.property('X-Request-Id');
        if (response['x-reasons'] === undefined) continue;
        expect(Object.keys(response.content as Json)).to.deep.equal(['application/problem+json']);
        expect(Object.keys(response['x-reasons'] as Json), `${name} ${status}`).to.not.be.empty;
        if (status === '429' || status === '503')
          expect(response.headers, `${name} ${status}`).to.have.property('Retry-After');
        if (status === '429')
          expect(response.headers, `${name} ${status}`).to.include.keys('RateLimit', 'RateLimit-Policy');
      }
  });

  it('says what open routes answer, and of which media type', async () => {
    const open = routes.filter(({ auth, method, path }) => {
      return auth === 'open' && method === 'GET' && !path.includes('{');
    });
    expect(open).to.have.length.above(8);
    for (const { path } of open) {
      const response = await fetch(server().url + path, { redirect: 'manual' });
      const text = await response.text();
      const { content } = operations().get(`GET ${path}`)?.responses[response.status] ?? {};
      const type = response.headers.get('content-type')?.split(';')[0];
      const media = content === undefined ? [] : Object.keys(content);
      expect(media, `${path} ${response.status} ${text}`).to.deep.equal(type === undefined ? [] : [type]);
    }
  });

  it('refers to every schema that has a name, and names none in vain', () => {
    const { paths, components } = server().openApi as { paths: Json; components: { schemas: Json } };
    const text = JSON.stringify({ paths, components });
    for (const name of Object.keys(components.schemas))
      expect(text).to.include(`"#/components/schemas/${name}"`);
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(components.schemas).to.have.property(name);
  });

  it('shows every example, and none for a route that is not there', () => {
    expect([...operations().keys()]).to.include.members(Object.keys(routeExamples));
    for (const [name, examples] of Object.entries(routeExamples)) {
      const { parameters = [], requestBody, responses } = operations().get(name) as Operation;
      for (const [title, example] of Object.entries(examples)) {
        const shown = (of: Json | undefined) => (of?.[title] as { value: unknown } | undefined)?.value;
        const said = `${name} ${title}`;
        for (const [param, value] of Object.entries({ ...example.params, ...example.query })) {
          const found = parameters.find((one) => one.name === param);
          expect(String(shown(found?.examples)), said).to.equal(value);
        }
        const body = requestBody?.content['application/json']?.examples;
        expect(shown(body), said).to.deep.equal(example.body);
        const [content] = Object.values(responses[example.status]?.content ?? {});
        if (example.refusal !== undefined)
          expect(shown(content?.examples), said).to.include({ code: example.refusal.code });
        else expect(shown(content?.examples), said).to.deep.equal(example.reply);
      }
    }
  });

  it('has an example for every route of the API itself, of each of its good answers', () => {
    // Google's good answers take a Google: `accounts/google.test.ts`.
    const shownHere = routes.filter(
      ({ limit, path }) => limit !== 'none' && !/^\/auth\/(google\/|v1\/authorize)/.test(path),
    );
    for (const route of shownHere) {
      const examples = Object.values(routeExamples[nameOf(route)] ?? {});
      const statuses = examples.map(({ status }) => String(status));
      // These say no more than a 200.
      const good = Object.keys(route.replies).filter((status) => !['206', '304', '416'].includes(status));
      expect(statuses, nameOf(route)).to.include.members(good);
    }
  });

  it('is made once, and not sent again to who holds it', async () => {
    for (const name of ['openapi', 'asyncapi']) {
      const url = `${server().url}/${name}.json`;
      const first = await fetch(url);
      const tag = first.headers.get('etag') ?? '';
      expect(tag).to.match(/^".+"$/);
      expect(first.headers.get('content-type')).to.equal('application/json');
      const again = await fetch(url, { headers: { 'If-None-Match': tag } });
      expect([again.status, await again.text()]).to.deep.equal([304, '']);
      const other = await fetch(url, { headers: { 'If-None-Match': '"another"' } });
      expect([other.status, await other.json()]).to.deep.equal([200, await first.json()]);
    }
  });
});
