import { fail } from '../../schemas/errors.ts';
import { isKnown } from '../http/conditions.ts';
import type { Answer, Route, RouteRequest } from '../http/route.ts';
import type { Page, PageFile } from './page.ts';

/** No inline code, nothing from elsewhere, no frames: what the page needs, and no more. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
  "manifest-src 'self'",
].join('; ');

const htmlHeaders = {
  'Content-Security-Policy': policy,
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};
/** The names hold the hash of the content. */
const assetHeaders = { 'Cache-Control': 'public, max-age=31536000, immutable' };

/** The web client at `/`, and its files. */
export function pageRoutes(page: Page): Route[] {
  const open = {
    method: 'GET',
    auth: 'open',
    limit: 'none',
    headers: ['accept-encoding', 'if-none-match'],
    replies: { 200: undefined, 304: undefined },
  } as const;
  return [
    {
      ...open,
      path: '/',
      summary: 'The web client',
      media: 'text/html',
      handle: async (request) => send(await page.html(), request, htmlHeaders),
    },
    {
      ...open,
      path: '/assets/{file}',
      summary: 'The files of the web client',
      media: '*/*',
      refusals: { not_found: ['no_file'] },
      async handle(request) {
        const file = await page.asset(request.params.file ?? '');
        if (file === undefined) throw fail('not_found', { reason: 'no_file' });
        return send(file, request, assetHeaders);
      },
    },
  ];
}

/** The file in the best form that the request takes, or 304 where the client holds it. */
export function send(file: PageFile, { headers = {} }: RouteRequest, own: Record<string, string>): Answer {
  const encoding = preferred(headers['accept-encoding'] ?? '');
  const tag = `"${file.hash}${encoding === 'identity' ? '' : `-${encoding}`}"`;
  const all = { ...own, ETag: tag, Vary: 'Accept-Encoding' };
  if (isKnown(headers['if-none-match'] ?? '', tag)) return { status: 304, headers: all };
  const content = { br: file.brotli, gzip: file.gzip, identity: file.plain }[encoding];
  return {
    status: 200,
    text: { type: file.type, content },
    headers: encoding === 'identity' ? all : { ...all, 'Content-Encoding': encoding },
  };
}

type Encoding = 'br' | 'gzip' | 'identity';

/** The best that an `Accept-Encoding` takes; a weight of 0 means "not this". */
export function preferred(header: string): Encoding {
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)));
  }
  const takes = (name: string) => (weights.get(name) ?? weights.get('*') ?? 0) > 0;
  if (takes('br')) return 'br';
  return takes('gzip') ? 'gzip' : 'identity';
}
