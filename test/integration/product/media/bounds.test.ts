import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { type Product, startProduct } from '../support/program.ts';
import { rest } from '../support/rest.ts';

const MiB = 1024 * 1024;

function* formOf(size: number): Generator<Uint8Array> {
  yield Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n');
  const piece = new Uint8Array(65_536);
  for (let left = size; left > 0; left -= piece.length) yield piece.subarray(0, left);
  yield Buffer.from('\r\n--b--\r\n');
}

/** A program of its own: what is counted here belongs to nobody else. */
describe('the bounds of uploads', function () {
  this.timeout(120_000);
  let own: Product;
  before(async () => {
    own = await startProduct({ SUHBAT_MEDIA_QUOTA: String(130 * MiB), SUHBAT_LOG_LEVEL: 'info' });
  });
  after(() => own?.end());

  async function aToken(): Promise<string> {
    const username = `bounds_${Math.random().toString(36).slice(2, 12)}`;
    const body = { username, email: `${username}@example.com`, password: 'a long password' };
    const answer = await rest<{ access_token: string }>('POST', '/api/v1/auth/register', {
      body,
      url: own.url,
    });
    return answer.body.access_token;
  }

  /** Sends so many bytes piece by piece, on a connection of its own; the client never holds them all. */
  function send(
    token: string,
    size: number,
  ): Promise<{ status: number; body: { file_id: string; reason?: string } }> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'multipart/form-data; boundary=b' };
    return new Promise((resolve, reject) => {
      const asking = request(`${own.url}/upload`, { method: 'POST', agent: false, headers }, (response) => {
        json(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, body: body as { file_id: string } }),
          reject,
        );
      });
      asking.on('error', reject);
      // Where the answer comes first, nobody takes the rest.
      pipeline(Readable.from(formOf(size)), asking, () => {});
    });
  }

  const memory = () => {
    const status = readFileSync(`/proc/${own.program.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  };

  it('many large uploads at once take no more memory than their places', async () => {
    const tokens = await Promise.all(Array.from({ length: 24 }, aToken));
    // Its pools and code are warm.
    await send(tokens[0] ?? '', 20 * MiB);
    const before = memory();
    let most = before;
    const look = setInterval(() => {
      most = Math.max(most, memory());
    }, 20);
    const sent = Promise.all(tokens.slice(1).map((token) => send(token, 45 * MiB)));
    const answers = await sent.finally(() => clearInterval(look));
    expect(answers.map(({ status }) => status)).to.deep.equal(answers.map(() => 201));
    // A gibibyte went through it. Each place has 1 MiB; the rest is garbage of the last moments.
    expect((most - before) / MiB).to.be.below(150);
  });

  it('a user never has more than the quota, however many uploads race', async () => {
    const token = await aToken();
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() =>
        send(token, 15 * MiB).catch(() => ({ status: 422, body: { reason: 'quota_exceeded' } as never })),
      ),
    );
    // An untold length is counted as the most that it may be.
    expect(answers.filter(({ status }) => status === 201)).to.have.length.at.most(2);
    for (const { status, body } of answers)
      if (status !== 201)
        expect([status, (body as { reason: string }).reason]).to.deep.equal([422, 'quota_exceeded']);
    const asked = { content_type: 'application/zip', kind: 'file', size: 40 * MiB };
    const presigned = await Promise.all(
      Array.from({ length: 10 }, () =>
        rest<{ reason?: string }>('POST', '/uploads/presign', { token, body: asked, url: own.url }),
      ),
    );
    const taken =
      answers.filter(({ status }) => status === 201).length * 15 +
      presigned.filter(({ status }) => status === 201).length * 40;
    expect(taken).to.be.at.most(130);
    expect(presigned.filter(({ status }) => status === 201)).to.have.length.above(0);
  });

  it('what is deleted gives its room back, and its bytes go', async () => {
    const token = await aToken();
    const { body } = await send(token, 20 * MiB);
    expect((await rest('DELETE', `/media/${body.file_id}`, { token, url: own.url })).status).to.equal(204);
    const folder = join(own.folder, 'data', 'media', 'files', body.file_id.slice(-2));
    await eventually(
      () => !readdirSync(folder).some((name) => name.startsWith(body.file_id)) || 'the bytes are there',
    );
    expect((await send(token, 30 * MiB)).status).to.equal(201);
  });

  it('one user has four uploads at a time, and the others come in', async () => {
    const [token, other] = [await aToken(), await aToken()];
    const stop = new AbortController();
    const endless = () =>
      new ReadableStream<Uint8Array>({
        start: (controller) =>
          controller.enqueue(
            new TextEncoder().encode(
              '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n',
            ),
          ),
      });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'multipart/form-data; boundary=b' };
    const held = [1, 2, 3, 4].map(() =>
      fetch(`${own.url}/upload`, {
        method: 'POST',
        headers,
        body: endless(),
        duplex: 'half',
        signal: stop.signal,
      } as RequestInit).catch(() => undefined),
    );
    await eventually(async () => {
      const form = new FormData();
      form.append('file', new Blob(['x']), 'x');
      const answer = await fetch(`${own.url}/upload`, {
        method: 'POST',
        headers: { authorization: headers.authorization },
        body: form,
      });
      const { reason } = (await answer.json()) as { reason?: string };
      return (answer.status === 429 && reason === 'too_many_uploads') || `${answer.status} ${reason}`;
    });
    await eventually(async () => {
      const metrics = await (await fetch(`${own.url}/metrics`)).text();
      return /^suhbat_queue_depth\{queue="uploads"\} 4$/m.test(metrics) || 'nobody is told of four uploads';
    });
    expect((await send(other, MiB)).status).to.equal(201);
    stop.abort();
    await Promise.all(held);
    await eventually(async () => (await send(token, 1000)).status === 201);
  });
});
