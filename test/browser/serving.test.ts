import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { stageUrl, useStage } from './stage.ts';

describe('the files of the page', function () {
  this.timeout(60_000);
  useStage();

  /** `fetch` takes the encoding off; node:http shows what is sent. */
  async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
    const { request } = await import('node:http');
    const { hostname, port } = new URL(await stageUrl());
    return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>(
      (resolve, reject) => {
        const asked = request({ hostname, port, path, method, headers }, (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }),
          );
        });
        asked.on('error', reject);
        asked.end();
      },
    );
  }

  async function assets(): Promise<string[]> {
    const { body } = await get('/');
    return [...body.toString().matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  }

  it('come with a policy that allows no inline code, and are never guessed at', async () => {
    const { status, headers, body } = await get('/');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.equal('text/html; charset=utf-8');
    expect(headers['content-security-policy']).to.equal(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "base-uri 'none'; frame-ancestors 'none'; form-action 'none'; manifest-src 'self'",
    );
    expect(headers['x-content-type-options']).to.equal('nosniff');
    expect(headers['referrer-policy']).to.equal('no-referrer');
    expect(headers['cache-control']).to.equal('no-cache');
    expect(body.toString()).to.not.match(/<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/);
  });

  it('are kept for a year where their name holds their hash', async () => {
    const paths = await assets();
    expect(paths).to.have.length(4);
    for (const path of paths) {
      expect(path).to.match(/-[0-9A-Z]{8}\.(js|css|svg|webmanifest)$/);
      const { status, headers, body } = await get(path);
      expect(status).to.equal(200);
      expect(headers['cache-control']).to.equal('public, max-age=31536000, immutable');
      expect(headers['x-content-type-options']).to.equal('nosniff');
      expect(body.toString()).to.not.include('sourceMappingURL');
    }
    expect((await get('/assets/main-00000000.js')).status).to.equal(404);
  });

  it('are packed as the client takes them', async () => {
    for (const path of ['/', ...(await assets())]) {
      const plain = await get(path);
      expect(plain.headers['content-encoding'], path).to.equal(undefined);
      expect(String(plain.headers.vary)).to.include('Accept-Encoding');
      const brotli = await get(path, { 'Accept-Encoding': 'gzip, deflate, br' });
      expect(brotli.headers['content-encoding']).to.equal('br');
      expect(brotliDecompressSync(brotli.body).equals(plain.body)).to.equal(true);
      const gzip = await get(path, { 'Accept-Encoding': 'gzip;q=0.5, br;q=0' });
      expect(gzip.headers['content-encoding']).to.equal('gzip');
      expect(gunzipSync(gzip.body).equals(plain.body)).to.equal(true);
      const tags = [plain, brotli, gzip].map(({ headers }) => headers.etag);
      expect(new Set(tags).size).to.equal(3);
    }
  });

  it('are not sent again to who has them, and HEAD tells the length alone', async () => {
    for (const path of ['/', ...(await assets())]) {
      const first = await get(path, { 'Accept-Encoding': 'br' });
      const tag = String(first.headers.etag);
      for (const known of [tag, `"other", W/${tag}`, '*']) {
        const again = await get(path, { 'Accept-Encoding': 'br', 'If-None-Match': known });
        expect(again.status).to.equal(304);
        expect(again.body).to.have.length(0);
        expect(again.headers.etag).to.equal(tag);
      }
      const other = await get(path, { 'Accept-Encoding': 'br', 'If-None-Match': '"other"' });
      expect(other.status).to.equal(200);
      const head = await get(path, { 'Accept-Encoding': 'br' }, 'HEAD');
      expect(head.status).to.equal(200);
      expect(head.headers['content-length']).to.equal(String(first.body.length));
      expect(head.body).to.have.length(0);
    }
  });
});
