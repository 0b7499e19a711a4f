import type { MediaPart } from '../../ops/security/media-urls.ts';
import { fail } from '../../schemas/errors.ts';
import type { FileToSend } from '../../schemas/rest/media.ts';
import { isKnown } from './conditions.ts';
import { metaOf, traced } from './meta.ts';
import { rangeOf } from './ranges.ts';
import type { Answer, RouteParts, RouteRequest } from './route.ts';

/**
 * A file's bytes, or its thumbnail's. Nothing in them runs: `sandbox` and `nosniff`, and whatever is no image, sound or
 * video is saved and never shown.
 */
export async function sendFile(
  request: RouteRequest,
  { call, media }: RouteParts,
  part: MediaPart,
): Promise<Answer> {
  const { params, query, headers = {} } = request;
  const asked = { file_id: params.file_id, part, ...(query.sig !== undefined && { sig: query.sig }) };
  const meta =
    request.caller === undefined
      ? traced({ request_id: request.request_id }, request.trace)
      : metaOf(request);
  const file = await call<FileToSend>('media.open', asked, meta);
  const tag = `"${file.tag}"`;
  const common = { ...headersOf(file), ETag: tag };
  if (isKnown(headers['if-none-match'] ?? '', tag)) return { status: 304, headers: common };

  const { 'if-range': ifRange = '', range: given = '' } = headers;
  const range = given === '' || (ifRange !== '' && ifRange !== tag) ? 'whole' : rangeOf(given, file.size);
  if (range === 'none')
    return { status: 416, headers: { ...common, 'Content-Range': `bytes */${file.size}` } };
  const [status, start, end] = range === 'whole' ? [200, 0, file.size - 1] : [206, range.start, range.end];
  const size = end - start + 1;
  const answer = (send: (res: Parameters<NonNullable<Answer['stream']>>[0]) => void): Answer => ({
    status,
    headers: {
      ...common,
      ...(status === 206 && { 'Content-Range': `bytes ${start}-${end}/${file.size}` }),
    },
    file: { type: contentType(file), size, send },
  });
  if (request.head) return answer(() => {});
  media.checkSending();
  const stream = await media.objects.read(file.storage_key, range === 'whole' ? undefined : { start, end });
  if (stream === undefined) throw fail('not_found', { reason: 'no_file' });
  // Kept until somebody listens: an error of a stream that nobody sends would end the process.
  stream.on('error', () => {});
  return answer((res) => media.sending.send(res, stream, size));
}

const keptS = 3600;

function headersOf({ inline, name }: FileToSend): Record<string, string> {
  return {
    'Accept-Ranges': 'bytes',
    'Cache-Control': `private, max-age=${keptS}`,
    'Content-Disposition': disposition(inline ? 'inline' : 'attachment', name),
    'Content-Security-Policy': 'sandbox',
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'Referrer-Policy': 'no-referrer',
  };
}

/** What is only saved is nothing but bytes, whatever it might be. */
function contentType({ inline, mime_type }: FileToSend): string {
  return inline ? mime_type : 'application/octet-stream';
}

/** RFC 6266: a name in ASCII for old clients, and the whole of it (RFC 8187). */
function disposition(how: 'inline' | 'attachment', name: string): string {
  const ascii = name
    .normalize('NFKD')
    .replaceAll(/[^\x20-\x7e]/g, '')
    .replaceAll(/["\\%]/g, '_')
    .trim();
  const whole = encodeURIComponent(name).replaceAll(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${how}; filename="${ascii === '' ? 'file' : ascii}"; filename*=UTF-8''${whole}`;
}
