import http from 'node:http';
import { expect } from 'chai';
import { type ErrorCode, errorCatalogue } from '../../../schemas/errors.ts';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** Parsed, where it is JSON. */
  json: Record<string, unknown>;
}

export interface Ask {
  token?: string;
  headers?: Record<string, string>;
  /** Sent as it is; JSON unless the headers say otherwise. */
  body?: string | Uint8Array | undefined;
}

/** Of a stream of events the first piece is the answer. */
const endless = /^text\/event-stream/;

/** Sends paths and bodies exactly as they are given, over connections that it keeps. */
export interface HttpClient {
  ask(method: string, path: string, ask?: Ask): Promise<Answer>;
  close(): void;
}

export function httpClient(port: number): HttpClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });

  function once(method: string, path: string, { token, headers = {}, body }: Ask): Promise<Answer> {
    const all = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const request = http.request(
        { port, host: '127.0.0.1', agent, method, path, headers: all },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk) => {
            chunks.push(chunk);
            if (!endless.test(response.headers['content-type'] ?? '')) return;
            end();
            response.destroy();
          });
          response.on('error', reject);
          response.on('end', end);
          function end() {
            const text = Buffer.concat(chunks).toString();
            const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== '';
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: isJson ? JSON.parse(text) : {},
            });
          }
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  return {
    async ask(method, path, ask = {}) {
      try {
        return await once(method, path, ask);
      } catch (error) {
        // A connection that it has kept may have been ended by the program as we began to use it.
        if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
        return once(method, path, ask);
      }
    },
    close: () => agent.destroy(),
  };
}

/** Every answer is one of the contract: its headers, and a problem document where it refuses. */
export function expectContract(answer: Answer): void {
  const { status, headers, json, text } = answer;
  const what = `${status} ${text.slice(0, 500)}`;
  expect(headers['x-request-id'], what).to.match(/^[A-Za-z0-9._:-]{1,64}$/);
  expect(headers['x-content-type-options'], what).to.equal('nosniff');
  expect(headers['cache-control'], what).to.be.a('string');
  expect(status, what).to.be.lessThan(500);
  if (status < 400) return;
  expect(headers['content-type'], what).to.equal('application/problem+json');
  const code = String(json.code);
  expect(Object.hasOwn(errorCatalogue, code), what).to.equal(true);
  expect(errorCatalogue[code as ErrorCode].status, what).to.equal(status);
  expect(json.status, what).to.equal(status);
  expect(json.request_id, what).to.equal(headers['x-request-id']);
}
