import { connect } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { product, useProduct } from '../support/program.ts';
import { rest } from '../support/rest.ts';
import { newUser } from '../support/users.ts';
import { nothingLeft, upload } from './support.ts';

describe('bodies of uploads', function () {
  this.timeout(60_000);
  useProduct();

  it('of more than 50 MiB are refused, told or untold, and leave nothing', async () => {
    const user = await newUser();
    const head = { authorization: `Bearer ${user.tokens.access_token}` };
    const told = await raw('/upload', { ...head, 'content-length': String(51 * 1024 * 1024) }, 100);
    expect(told.answer).to.match(/^HTTP\/1.1 413 /);
    const endless = await raw(
      '/upload',
      { ...head, 'transfer-encoding': 'chunked' },
      Number.POSITIVE_INFINITY,
    );
    expect(endless.answer).to.match(/^HTTP\/1.1 413 |^$/);
    expect(endless.sent).to.be.below(80 * 1024 * 1024);
    await nothingLeft();
  });

  it('of more than 10 MiB make no avatar', async () => {
    const user = await newUser();
    const bytes = new Uint8Array(10 * 1024 * 1024 + 100);
    const { status } = await upload<{ code: string }>(user, { bytes }, '/me/avatar').catch(() => ({
      status: 413,
    }));
    expect(status).to.equal(413);
  });

  it('that break off leave nothing behind, and give their room back', async () => {
    const user = await newUser();
    for (let times = 0; times < 25; times++) {
      const head = { authorization: `Bearer ${user.tokens.access_token}`, 'content-length': '5000000' };
      await raw('/upload', head, 700_000, true);
    }
    await nothingLeft();
    // Twenty that were still on their way would be too many.
    await eventually(async () => (await upload(user, { bytes: 'x' })).status === 201);
  });

  it('that are no form, or a broken one, are refused and leave nothing', async () => {
    const user = await newUser();
    const token = user.tokens.access_token;
    const type = 'multipart/form-data; boundary=b';
    const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhello';
    const forms: [string, string, number][] = [
      [type, part, 400],
      [type, `${part}\r\n--b`, 400],
      [type, '', 400],
      [type, '--b--', 400],
      [type, part.replace('"file"', '"other"').concat('\r\n--b--'), 400],
      ['multipart/form-data', part, 415],
      ['multipart/form-data; boundary=', part, 400],
      ['application/octet-stream', part, 415],
      ['application/json', '{}', 415],
    ];
    for (const [contentType, text, status] of forms) {
      const answer = await rest<{ code: string }>('POST', '/upload', {
        token,
        raw: text,
        headers: { 'content-type': contentType },
      });
      expect(answer.status, `${contentType} ${text.slice(-20)}`).to.equal(status);
    }
    await nothingLeft();
  });

  /** Sends a form over a bare socket, up to so many bytes; `breaks`: then it goes away without a word. */
  function raw(path: string, headers: Record<string, string>, most: number, breaks = false) {
    const { hostname, port } = new URL(product().url);
    return new Promise<{ answer: string; sent: number }>((resolve) => {
      let [answer, sent, over] = ['', 0, false];
      const socket = connect(Number(port), hostname);
      const chunked = 'transfer-encoding' in headers;
      const write = (text: string | Buffer) =>
        socket.write(
          chunked
            ? Buffer.concat([
                Buffer.from(`${text.length.toString(16)}\r\n`),
                Buffer.from(text),
                Buffer.from('\r\n'),
              ])
            : text,
        );
      const end = () => {
        over = true;
        socket.destroy();
        resolve({ answer, sent });
      };
      const pump = () => {
        while (!over && sent < most) {
          const piece = Buffer.alloc(Math.min(65_536, most - sent), 'x');
          sent += piece.length;
          if (!write(piece)) return;
        }
        if (!over && breaks) end();
      };
      socket
        .on('drain', pump)
        .on('error', end)
        .on('close', end)
        .on('data', (data) => {
          answer += data;
          end();
        });
      socket.on('connect', () => {
        const lines = { host: 'x', 'content-type': 'multipart/form-data; boundary=b', ...headers };
        const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
        socket.write(`POST ${path} HTTP/1.1\r\n${text.join('')}\r\n`);
        write('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n');
        pump();
      });
    });
  }
});
