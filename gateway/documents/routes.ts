import Type from 'typebox';
import { fail } from '../../schemas/errors.ts';
import type { Route } from '../http/route.ts';
import { fileOf, type PageFile } from '../web/page.ts';
import { send } from '../web/routes.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { openApiDocument } from './openapi.ts';
import { createSwagger, swaggerFiles, swaggerPolicy } from './swagger.ts';

const AnyDocument = Type.Object(
  { info: Type.Object({ title: Type.String(), version: Type.String() }) },
  { additionalProperties: true },
);

/** Seconds for which the reader's own files may be kept: their names stay when the package changes. */
const fresh = 3600;

/**
 * The documents of these routes and of the WebSocket, and their reader. Each is made when it is first asked
 * for, then kept: no start waits for it. The routes of the documents are in the document, too.
 */
export function documentRoutes(others: readonly Route[], version: () => string): Route[] {
  const swagger = createSwagger();
  const open = {
    method: 'GET',
    auth: 'open',
    limit: 'none',
    headers: ['accept-encoding', 'if-none-match'],
    replies: { 200: undefined, 304: undefined },
  } as const;
  const document = { ...open, replies: { 200: AnyDocument, 304: undefined } };
  const openApi = once(() => fileOfJson(openApiDocument([...others, ...routes], version())));
  const asyncApi = once(() => fileOfJson(asyncApiDocument(version())));

  const routes: Route[] = [
    {
      ...document,
      path: '/openapi.json',
      summary: 'The OpenAPI document of the REST API',
      handle: async (request) => send(await openApi(), request, { 'Cache-Control': 'no-cache' }),
    },
    {
      ...document,
      path: '/asyncapi.json',
      summary: 'The AsyncAPI document of the WebSocket',
      handle: async (request) => send(await asyncApi(), request, { 'Cache-Control': 'no-cache' }),
    },
    {
      method: 'GET',
      auth: 'open',
      limit: 'none',
      path: '/swagger',
      summary: 'Leads to the reader of the OpenAPI document',
      replies: { 308: undefined },
      handle: async () => ({ status: 308, headers: { Location: '/swagger/index.html' } }),
    },
    {
      ...open,
      path: '/swagger/{file}',
      summary: 'The reader of the OpenAPI document',
      params: { file: Type.Enum([...swaggerFiles]) },
      media: '*/*',
      refusals: { not_found: ['no_file'] },
      async handle(request) {
        const name = request.params.file ?? '';
        const file = await swagger.file(name);
        if (file === undefined) throw fail('not_found', { reason: 'no_file' });
        return send(file, request, name.endsWith('.html') ? pageHeaders : fileHeaders);
      },
    },
  ];
  return routes;
}

const pageHeaders = {
  'Content-Security-Policy': swaggerPolicy,
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};
const fileHeaders = { 'Cache-Control': `public, max-age=${fresh}` };

/** Forgets a failure. */
function once(make: () => Promise<PageFile>): () => Promise<PageFile> {
  let made: Promise<PageFile> | undefined;
  return () => {
    made ??= make().catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

async function fileOfJson(document: object): Promise<PageFile> {
  return fileOf('application/json', Buffer.from(JSON.stringify(document)));
}
