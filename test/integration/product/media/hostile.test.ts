import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import sharp from 'sharp';
import type { File } from '../../../../schemas/rest/media.ts';
import { eventually } from '../../../support/eventually.ts';
import { product, useProduct } from '../support/program.ts';
import { rest } from '../support/rest.ts';
import { newUser, newUsers, type User } from '../support/users.ts';
import {
  get,
  getAs,
  noise,
  own,
  png,
  presign,
  promised,
  promisedForm,
  upload,
  uploaded,
  wav,
} from './support.ts';

/** What lies in the object store of the shared program, by folder. */
function stored(): Record<'begun' | 'incoming', string[]> {
  const list = (name: string) => {
    try {
      return readdirSync(join(product().folder, 'data', 'media', name));
    } catch {
      return [];
    }
  };
  return { begun: list('begun'), incoming: list('incoming') };
}

async function refusedUpload(
  user: User,
  bytes: Uint8Array<ArrayBuffer> | string,
  path?: string,
  name?: string,
) {
  const { status, body } = await upload<{ reason?: string; code: string }>(
    user,
    { bytes, ...(name !== undefined && { name }) },
    path,
  );
  return [status, body.reason ?? body.code];
}

describe('hostile files', function () {
  this.timeout(60_000);
  useProduct();

  describe('what they pretend to be', () => {
    it('a lie in the content type, or in the name, changes nothing', async () => {
      const user = await newUser();
      const html = '<!doctype html><script>alert(document.domain)</script>';
      for (const type of ['image/png', 'image/svg+xml', 'text/html', 'video/mp4', 'application/xhtml+xml'])
        for (const name of ['x.html', 'x.png', 'x.svg']) {
          const file = await uploaded(user, { bytes: html, name, type });
          expect(file).to.include({ kind: 'file', mime_type: 'application/octet-stream' });
          await expectOnlySaved(file);
        }
    });

    it('SVG, HTML and XML are only ever saved, whatever encoding and disguise they come in', async () => {
      const user = await newUser();
      const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
      const texts = [
        svg,
        `<?xml version="1.0"?>${svg}`,
        `\ufeff<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg>${svg}`,
        '<html><body onload=alert(1)>',
        '   \n<!-- --><script>1</script>',
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>1</script></html>',
        '%!PS-Adobe-3.0 EPSF-3.0',
      ];
      const bytes = texts.map((text) => new TextEncoder().encode(text));
      const utf16 = own(
        Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(`<?xml version="1.0"?>${svg}`, 'utf16le')]),
      );
      for (const one of [...bytes, utf16])
        await expectOnlySaved(await uploaded(user, { bytes: one, name: 'logo.svg', type: 'image/svg+xml' }));
    });

    async function expectOnlySaved(file: File): Promise<void> {
      const { status, headers } = await get(file.url ?? '');
      expect(status).to.equal(200);
      expect(headers.get('content-type')).to.equal('application/octet-stream');
      expect(headers.get('content-disposition')).to.match(/^attachment; /);
      expect(headers.get('content-security-policy')).to.equal('sandbox');
      expect(headers.get('x-content-type-options')).to.equal('nosniff');
    }

    it('a picture that is a page too comes back as nothing but the picture', async () => {
      const user = await newUser();
      const evil = '<html><script>alert(1)</script></html>';
      const withComment = await noise(20, 20)
        .withExif({ IFD0: { ImageDescription: evil } })
        .jpeg()
        .toBuffer();
      const gif = await noise(20, 20).gif().toBuffer();
      for (const bytes of [withComment, Buffer.concat([gif, Buffer.from(evil)])]) {
        expect(bytes.includes('<script>')).to.equal(true);
        const file = await uploaded(user, { bytes: own(bytes), name: 'x.html' });
        const got = await get(file.url ?? '');
        expect(got.bytes.includes('<script>')).to.equal(false);
        expect(got.headers.get('content-type')).to.match(/^image\/(jpeg|webp)$/);
        expect(file.name).to.match(/^x\.(jpg|webp)$/);
      }
    });

    it('what only begins like a picture is refused, and takes no room', async () => {
      const user = await newUser();
      const good = await png(64, 64);
      const heads = [
        good.slice(0, 40),
        own(Buffer.concat([Buffer.from(good.slice(0, 33)), Buffer.alloc(500, 'x')])),
        own(Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.from('<?php evil(); ?>')])),
        own(Buffer.from('GIF89a<script>alert(1)</script>')),
        own(Buffer.from('RIFF\x10\x00\x00\x00WEBPVP8 ')),
      ];
      for (const bytes of heads)
        expect(await refusedUpload(user, bytes)).to.deep.equal([422, 'image_broken']);
      expect(stored()).to.deep.equal({ begun: [], incoming: [] });
    });

    it('names lose their paths, tricks and control characters, and no header breaks', async () => {
      const user = await newUser();
      const names: [string, string | null][] = [
        ['../../etc/passwd', 'passwd'],
        ['..\\..\\boot.ini', 'boot.ini'],
        ['/etc/shadow', 'shadow'],
        ['..', null],
        ['.htaccess', 'htaccess'],
        ['a\u202Egnp.exe', 'agnp.exe'],
        ['x\u0000.png\u0007.txt', 'x.png.txt'],
        ['con<>:|?*.txt', 'con______.txt'],
        ['  spaced   out . ', 'spaced out'],
        ['сурат 🙂.txt', 'сурат 🙂.txt'],
      ];
      for (const [given, name] of names) {
        const file = await uploaded(user, { bytes: 'x', name: given });
        expect(file.name, JSON.stringify(given)).to.equal(name);
        const { headers } = await get(file.url ?? '');
        const disposition = headers.get('content-disposition') ?? '';
        expect(disposition).to.match(
          /^attachment; filename="[^"\\]*"; filename\*=UTF-8''[A-Za-z0-9%._~$&+^`|#-]+$/,
        );
        const whole = decodeURIComponent(disposition.split("UTF-8''")[1] ?? '');
        expect(whole).to.equal(name ?? file.file_id);
      }
      const long = await uploaded(user, { bytes: 'x', name: `${'ш'.repeat(500)}.jpeg` });
      expect(Buffer.byteLength(long.name ?? '')).to.be.at.most(200);
      expect(long.name).to.match(/\.jpeg$/);
    });
  });

  describe('bombs', () => {
    /** A PNG that says it is so large, and is a few hundred bytes. */
    function bomb(width: number, height: number): Uint8Array<ArrayBuffer> {
      const chunk = (name: string, data: Buffer) => {
        const body = Buffer.concat([Buffer.from(name), data]);
        const out = Buffer.alloc(body.length + 8);
        out.writeUInt32BE(data.length, 0);
        body.copy(out, 4);
        out.writeUInt32BE(crc(body), body.length + 4);
        return out;
      };
      const head = Buffer.alloc(13);
      head.writeUInt32BE(width, 0);
      head.writeUInt32BE(height, 4);
      head.set([8, 2, 0, 0, 0], 8);
      const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
      const pixels = chunk('IDAT', deflateSync(Buffer.alloc(2_000_000)));
      return own(Buffer.concat([signature, chunk('IHDR', head), pixels, chunk('IEND', Buffer.alloc(0))]));
    }

    function crc(bytes: Buffer): number {
      let value = 0xffffffff;
      for (const byte of bytes) {
        value ^= byte;
        for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
      }
      return (value ^ 0xffffffff) >>> 0;
    }

    it('an image of too many pixels is refused before it is unpacked', async () => {
      const user = await newUser();
      for (const [width, height] of [
        [60_000, 60_000],
        [8000, 6500],
      ] as const)
        expect(await refusedUpload(user, bomb(width, height))).to.deep.equal([422, 'too_many_pixels']);
      expect(await refusedUpload(user, bomb(50_000, 50_000), '/me/avatar')).to.deep.equal([
        422,
        'too_many_pixels',
      ]);
    });

    it('frames count together, and those of a small moving image stay', async () => {
      const user = await newUser();
      const frame = await noise(30, 30).raw().toBuffer();
      const pages = (count: number, side: number, bytes: Buffer) =>
        sharp(bytes, { raw: { width: side, height: side * count, channels: 3, pageHeight: side } })
          .gif({ loop: 0 })
          .toBuffer();
      const moving = await pages(3, 30, Buffer.concat([frame, await noise(30, 30).raw().toBuffer(), frame]));
      const file = await uploaded(user, { bytes: own(moving), name: 'cat.gif' });
      expect(file).to.include({ mime_type: 'image/webp', name: 'cat.webp', width: 30, height: 30 });
      const kept = await sharp((await get(file.url ?? '')).bytes, { animated: true }).metadata();
      expect(kept.pages).to.equal(3);
      const avatar = await upload<{ avatar: { url: string } }>(user, { bytes: own(moving) }, '/me/avatar');
      const still = await sharp((await get(avatar.body.avatar.url)).bytes).metadata();
      expect(still.pages ?? 1).to.equal(1);
    });
  });

  describe('bodies', () => {
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
      await eventually(
        () => JSON.stringify(stored()) === '{"begun":[],"incoming":[]}' || JSON.stringify(stored()),
      );
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
      await eventually(
        () => JSON.stringify(stored()) === '{"begun":[],"incoming":[]}' || JSON.stringify(stored()),
      );
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
      await eventually(
        () => JSON.stringify(stored()) === '{"begun":[],"incoming":[]}' || JSON.stringify(stored()),
      );
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

  describe('what is not theirs', () => {
    it('nobody reads, completes, deletes or wears the file of another, nor learns that it is there', async () => {
      const [owner, thief] = await newUsers('owner', 'thief');
      const file = await uploaded(owner, { bytes: await png() });
      const pending = (await promised(owner)).file_id;
      for (const id of [file.file_id, pending, owner.id, 'nonsense', '..%2f..%2fetc%2fpasswd', '%00'])
        for (const [method, path] of [
          ['GET', `/media/${id}`],
          ['GET', `/media/${id}/thumb`],
          ['DELETE', `/media/${id}`],
          ['POST', `/uploads/${id}/complete`],
        ] as const) {
          const { status, body } = await thief.rest<{ reason?: string }>(method, path);
          if (id === '%00') expect(status).to.equal(400);
          else expect([status, body.reason], path).to.deep.equal([404, 'no_file']);
        }
      expect((await getAs(owner, `/media/${file.file_id}`)).status).to.equal(200);
    });

    it('a URL is good for its file, its part and its time, and for nothing else', async () => {
      const user = await newUser();
      const [one, other] = [
        await uploaded(user, { bytes: await png() }),
        await uploaded(user, { bytes: 'b' }),
      ];
      const sig = (one.url ?? '').split('sig=')[1] ?? '';
      const [expiry = '', mac = ''] = sig.split('.');
      const forged = [
        `/media/${other.file_id}?sig=${sig}`,
        `/media/${one.file_id}/thumb?sig=${sig}`,
        `/media/${one.file_id}?sig=${Number(expiry) + 900}.${mac}`,
        `/media/${one.file_id}?sig=1000000000.${mac}`,
        `/media/${one.file_id}?sig=${expiry}.${'A'.repeat(43)}`,
        `/media/${one.file_id}?sig=${expiry}.`,
        `/media/${one.file_id}?sig=`,
        `/media/${one.file_id}?sig=x`,
        `/media/${one.file_id}?sig=${sig}x`,
      ];
      for (const path of forged) expect((await get(path)).status, path).to.equal(401);
      expect((await get(one.url ?? '')).status).to.equal(200);
      const hour = Number(expiry) - Date.now() / 1000;
      expect(hour).to.be.within(3590, 4501);
    });
  });

  describe('presigned uploads', () => {
    it('take what was promised, by PUT and by form, and become a file once', async () => {
      const user = await newUser();
      for (const send of [putFour, postFour]) {
        const file_id = await send(user);
        const done = await Promise.all(
          [1, 2, 3].map(() => user.rest<File>('POST', `/uploads/${file_id}/complete`)),
        );
        for (const { status, body } of done) {
          expect(status).to.equal(200);
          expect(body).to.include({ state: 'ready', size: 4 });
        }
        expect((await get(done[0]?.body.url ?? '')).bytes.length).to.equal(4);
      }
    });

    async function putFour(user: User): Promise<string> {
      const { url, headers, file_id } = await promised(user);
      const { status } = await rest('PUT', url, { raw: new Uint8Array(4), headers });
      expect(status).to.equal(204);
      return file_id;
    }

    async function postFour(user: User): Promise<string> {
      const { url, fields, file_id } = await promisedForm(user);
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append('file', new Blob([new Uint8Array(4)]), 'x');
      expect((await fetch(product().url + url, { method: 'POST', body: form })).status).to.equal(204);
      return file_id;
    }

    it('are refused with another length, type, file or signature, and after they were completed', async () => {
      const user = await newUser();
      const { url, headers, file_id } = await promised(user);
      const put = async (to: string, bytes: number, more = {}) =>
        (
          await rest<{ reason: string }>('PUT', to, {
            raw: new Uint8Array(bytes),
            headers: { ...headers, ...more },
          })
        ).status;
      const longer = await fetch(product().url + url, {
        method: 'PUT',
        headers,
        body: new Uint8Array(5),
      });
      expect(longer.status).to.equal(403);
      expect(await put(url, 4, { 'content-type': 'text/html' })).to.equal(403);
      expect(await put(url.replace('size=4', 'size=4000'), 4)).to.equal(403);
      expect(await put(url.replace(file_id, (await promised(user)).file_id), 4)).to.equal(403);
      expect(await put(url.replace(/sig=./, 'sig=_'), 4)).to.equal(403);
      expect(
        (await user.rest<{ reason: string }>('POST', `/uploads/${file_id}/complete`)).body.reason,
      ).to.equal('not_uploaded');
      expect(await put(url, 4)).to.equal(204);
      expect((await user.rest('POST', `/uploads/${file_id}/complete`)).status).to.equal(200);
      expect(await put(url, 4)).to.equal(404);
    });

    it('that turn out to be something else than promised are refused, and over', async () => {
      const user = await newUser();
      const page = new TextEncoder().encode('<script>1</script>');
      const lies: [string, string, Uint8Array<ArrayBuffer>, string][] = [
        ['image', 'image/png', page, 'type_mismatch'],
        ['avatar', 'image/png', wav(1), 'not_an_image'],
        ['image', 'image/jpeg', await png(), 'not_an_image'],
        ['voice', 'audio/ogg', wav(1), 'type_mismatch'],
        ['video', 'video/mp4', page, 'type_mismatch'],
        ['file', 'application/pdf', await png(), 'type_mismatch'],
      ];
      for (const [kind, content_type, bytes, reason] of lies) {
        const { body } = await presign(user, { kind, content_type, size: bytes.length });
        const { url, file_id } = body;
        const sent = await fetch(product().url + url, {
          method: 'PUT',
          headers: { 'Content-Type': content_type },
          body: bytes,
        });
        expect(sent.status).to.equal(204);
        const done = await user.rest<{ reason: string }>('POST', `/uploads/${file_id}/complete`);
        expect([done.status], kind).to.deep.equal([422]);
        expect([reason, 'not_an_image']).to.include(done.body.reason);
        expect((await user.rest('POST', `/uploads/${file_id}/complete`)).status).to.equal(404);
      }
      expect(stored().incoming).to.deep.equal([]);
    });

    it('are not given for what no such thing can be', async () => {
      const user = await newUser();
      for (const [kind, content_type, size, status] of [
        ['avatar', 'image/svg+xml', 10, 422],
        ['image', 'text/html', 10, 422],
        ['voice', 'video/mp4', 10, 422],
        ['video', 'audio/ogg', 10, 422],
        ['avatar', 'image/png', 11 * 1024 * 1024, 422],
        ['file', 'text/html\r\nx: y', 10, 400],
        ['file', 'application/zip', 51 * 1024 * 1024, 400],
        ['file', 'application/zip', 0, 400],
      ] as const)
        expect(
          (await presign(user, { kind, content_type, size })).status,
          `${kind} ${content_type}`,
        ).to.equal(status);
    });
  });

  describe('ranges', () => {
    it('one range is answered, several are the whole, and what is not there is 416', async () => {
      const user = await newUser();
      const bytes = crypto.getRandomValues(new Uint8Array(1000));
      const file = await uploaded(user, { bytes });
      const url = file.url ?? '';
      const tag = (await get(url)).headers.get('etag') ?? '';
      const ask = async (range: string, more = {}) => {
        const { status, headers, bytes: got } = await get(url, { range, ...more });
        return [status, headers.get('content-range'), got.length];
      };
      expect(await ask('bytes=0-9')).to.deep.equal([206, 'bytes 0-9/1000', 10]);
      expect(await ask('bytes=990-')).to.deep.equal([206, 'bytes 990-999/1000', 10]);
      expect(await ask('bytes=-1')).to.deep.equal([206, 'bytes 999-999/1000', 1]);
      expect(await ask('bytes=-5000')).to.deep.equal([206, 'bytes 0-999/1000', 1000]);
      expect(await ask('bytes=5-99999999999999')).to.deep.equal([206, 'bytes 5-999/1000', 995]);
      for (const none of ['bytes=1000-', 'bytes=1000-1001', 'bytes=-0'])
        expect(await ask(none), none).to.deep.equal([416, 'bytes */1000', 0]);
      const many = `bytes=${Array.from({ length: 500 }, () => '0-').join(',')}`;
      for (const odd of [many, 'bytes=0-0,5-6', 'bytes=9-0', 'bytes=a-b', 'lines=0-1', 'bytes=', 'bytes=--1'])
        expect(await ask(odd), odd).to.deep.equal([200, null, 1000]);
      expect(await ask('bytes=0-9', { 'if-range': tag })).to.deep.equal([206, 'bytes 0-9/1000', 10]);
      expect(await ask('bytes=0-9', { 'if-range': '"other"' })).to.deep.equal([200, null, 1000]);
      expect((await get(url, { 'if-none-match': tag })).status).to.equal(304);
      const head = await get(url, {}, 'HEAD');
      expect([head.status, head.headers.get('content-length'), head.bytes.length]).to.deep.equal([
        200,
        '1000',
        0,
      ]);
    });
  });
});
