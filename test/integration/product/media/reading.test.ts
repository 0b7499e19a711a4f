import { expect } from 'chai';
import { useProduct } from '../support/program.ts';
import { newUser, newUsers } from '../support/users.ts';
import { get, getAs, nothing, png, promised, uploaded } from './support.ts';

describe('reading files', function () {
  this.timeout(60_000);
  useProduct();

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
    const [one, other] = [await uploaded(user, { bytes: await png() }), await uploaded(user, { bytes: 'b' })];
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

  it('one range is answered, several are the whole, and what is not there is 416', async () => {
    const user = await newUser();
    const bytes = nothing(1000);
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
