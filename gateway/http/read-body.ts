import { fail } from '../../schemas/errors.ts';
import { limits } from '../../schemas/limits.ts';
import { parseJson } from '../../schemas/validator.ts';
import type { Exchange } from './exchange.ts';

/**
 * Reads a body of at most 1 MiB. Must be called in the turn in which the request came: uWebSockets gives
 * the body to whoever has asked by then. Rejects with `too_large`. Where the client goes away it never settles, and is forgotten.
 * uWebSockets itself resets bodies slower than 16 KB/s; the request's budget bounds the whole.
 */
export function readBody(exchange: Exchange): Promise<undefined> {
  return new Promise((resolve, reject) => {
    if (exchange.contentLength > limits.body) return refuseLarge(exchange, reject);
    const chunks: Uint8Array[] = [];
    let size = 0;
    exchange.res.onData((chunk, isLast) => {
      if (exchange.over || size > limits.body) return;
      size += chunk.byteLength;
      if (size > limits.body) return reject(tooLarge(exchange));
      // The buffer is taken back when this returns.
      if (chunk.byteLength > 0) chunks.push(new Uint8Array(chunk.slice(0)));
      if (!isLast) return;
      exchange.closes = false;
      exchange.raw = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
      resolve(undefined);
    });
  });
}

/** Of what is too large so much is read to its end: who still sends when we close would not see why. */
const readMost = 4 * limits.body;

function refuseLarge(exchange: Exchange, reject: (error: Error) => void): void {
  const refusal = tooLarge(exchange);
  if (exchange.contentLength > readMost) reject(refusal);
  else
    exchange.res.onData((_, isLast) => {
      if (isLast) reject(refusal);
    });
}

function tooLarge(exchange: Exchange) {
  exchange.closes = true;
  return fail('too_large', { detail: `A body has at most ${limits.body} bytes` });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const json = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** The body as JSON. No body at all counts as `{}`: then the schema says what is missing. */
export function decodeBody({ raw, contentType }: Exchange): unknown {
  if (raw === undefined || raw.byteLength === 0) return {};
  if (!json.test(contentType))
    throw fail('unsupported_media_type', { detail: 'Bodies are application/json in UTF-8' });
  let text: string;
  try {
    text = utf8.decode(raw);
  } catch {
    throw fail('invalid', { reason: 'bad_utf8', detail: 'The body is not UTF-8' });
  }
  return parseJson(text);
}
