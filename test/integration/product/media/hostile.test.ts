import { request } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { json } from 'node:stream/consumers';
import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import sharp from 'sharp';
import type { File } from '../../../../schemas/rest/media.ts';
import { product, useProduct } from '../support/program.ts';
import { newUser, type User } from '../support/users.ts';
import { get, noise, nothingLeft, own, png, stored, upload, uploaded } from './support.ts';

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
      expect(stored().incoming).to.deep.equal([]);
      // A thumb of another test may still be on its way.
      await nothingLeft();
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

  describe('addresses that clients name', () => {
    let server: Server;
    let asked = 0;
    before(async () => {
      server = createServer((socket) => {
        asked++;
        socket.destroy();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });
    after(() => server.close());

    it('are never asked by the server: no picture is fetched, no upload is sent there', async () => {
      const user = await newUser();
      const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const url = `http://${host}/latest/meta-data`;
      for (const fields of [
        { avatar_id: url },
        { avatar: { url } },
        { profile_picture: url },
        { photo_url: url },
      ])
        expect((await user.rest('PATCH', '/me', fields)).status, JSON.stringify(fields)).to.equal(400);
      expect((await user.rest('POST', '/me/avatar', { url })).status).to.equal(415);
      const svg = `<svg xmlns="http://www.w3.org/2000/svg"><image href="${url}"/></svg>`;
      const file = await uploaded(user, { bytes: svg, name: 'x.svg', type: 'image/svg+xml' });
      expect((await get(file.thumb_url ?? file.url ?? '')).status).to.equal(200);
      const wanted = { content_type: 'image/png', size: 7, kind: 'image' };
      const headers = { host, 'x-forwarded-host': host, 'content-type': 'application/json' };
      const promised = await new Promise<{ url: string; file_url: string }>((resolve, reject) => {
        const authorization = `Bearer ${user.tokens.access_token}`;
        request(
          `${product().url}/uploads/presign`,
          { method: 'POST', headers: { ...headers, authorization } },
          (answer) => json(answer).then((body) => resolve(body as { url: string; file_url: string }), reject),
        )
          .on('error', reject)
          .end(JSON.stringify(wanted));
      });
      expect([promised.url, promised.file_url].map((path) => path[0])).to.deep.equal(['/', '/']);
      expect(asked).to.equal(0);
    });
  });
});
