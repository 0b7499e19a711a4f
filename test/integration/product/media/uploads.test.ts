import { expect } from 'chai';
import sharp from 'sharp';
import { eventually } from '../../../support/eventually.ts';
import { useProduct } from '../support/program.ts';
import { newUser, newUsers } from '../support/users.ts';
import { get, getAs, noise, nothing, own, png, upload, uploaded, wav } from './support.ts';

describe('uploads', function () {
  this.timeout(120_000);
  useProduct();

  it('comes back byte for byte, from a URL that needs nothing else', async () => {
    const user = await newUser();
    const bytes = nothing(60_000);
    const file = await uploaded(user, { bytes, name: 'notes.bin' });
    expect(file).to.deep.include({
      kind: 'file',
      name: 'notes.bin',
      mime_type: 'application/octet-stream',
      size: bytes.length,
      width: null,
      height: null,
      duration_s: null,
      waveform: null,
      thumb_url: null,
      state: 'ready',
    });
    expect(file.url).to.match(new RegExp(`^/media/${file.file_id}\\?sig=\\d+\\.[A-Za-z0-9_-]{43}$`));
    const got = await get(file.url ?? '');
    expect(got.status).to.equal(200);
    expect(got.bytes.equals(bytes)).to.equal(true);
    expect(Object.fromEntries(got.headers)).to.include({
      'content-type': 'application/octet-stream',
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="notes.bin"; filename*=UTF-8''notes.bin`,
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
    });
  });

  it('writes images anew: upright, without metadata, without what was appended', async () => {
    const user = await newUser();
    const jpeg = await noise(60, 40)
      .withExif({ IFD0: { Artist: 'secret-place', Copyright: 'x' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect(jpeg.includes('secret-place')).to.equal(true);
    const bytes = own(Buffer.concat([jpeg, Buffer.from('<script>alert(1)</script>PK\x03\x04')]));
    const file = await uploaded(user, { bytes, name: 'me.jpeg', type: 'text/html' });
    expect(file).to.include({
      kind: 'image',
      mime_type: 'image/jpeg',
      name: 'me.jpg',
      width: 40,
      height: 60,
    });
    const got = await get(file.url ?? '');
    expect(got.headers.get('content-type')).to.equal('image/jpeg');
    expect(got.headers.get('content-disposition')).to.match(/^inline; /);
    expect(got.bytes.length).to.equal(file.size);
    for (const word of ['secret-place', '<script>', 'Exif']) expect(got.bytes.includes(word)).to.equal(false);
    const { orientation, exif } = await sharp(got.bytes).metadata();
    expect({ orientation, exif }).to.deep.equal({ orientation: undefined, exif: undefined });
  });

  it('reads how long a recording is', async () => {
    const file = await uploaded(await newUser(), { bytes: wav(3), name: 'hello.wav' });
    expect(file).to.include({ kind: 'audio', mime_type: 'audio/wav', duration_s: 3 });
  });

  it('makes a small picture of an image, soon after', async () => {
    const file = await uploaded(await newUser(), { bytes: await png(900, 600) });
    const size = async () => {
      const { status, bytes } = await get(file.thumb_url ?? '');
      expect(status).to.equal(200);
      return (await sharp(bytes).metadata()).width;
    };
    // The image itself until then.
    expect([900, 320]).to.include(await size());
    await eventually(async () => (await size()) === 320);
  });

  it('is gone for everybody once its owner deletes it, from profiles too', async () => {
    const [owner, other] = await newUsers('owner', 'other');
    const file = await uploaded(owner, { bytes: await png() });
    await owner.rest('PATCH', '/me', { avatar_id: file.file_id });
    const path = `/media/${file.file_id}`;
    expect((await other.rest('DELETE', path)).status).to.equal(404);
    expect((await owner.rest('DELETE', path)).status).to.equal(204);
    expect((await owner.rest('DELETE', path)).status).to.equal(404);
    for (const url of [file.url, file.thumb_url]) expect((await get(url ?? '')).status).to.equal(404);
    expect((await owner.rest<{ avatar: null }>('GET', '/me')).body.avatar).to.equal(null);
  });

  it('lets nobody wear what is not theirs, or is no picture', async () => {
    const [owner, other] = await newUsers('owner', 'other');
    const picture = await uploaded(other, { bytes: await png() });
    const text = await uploaded(owner, { bytes: 'no picture' });
    for (const avatar_id of [picture.file_id, text.file_id, owner.id]) {
      const { status, body } = await owner.rest<{ reason: string }>('PATCH', '/me', { avatar_id });
      expect([status, body.reason]).to.deep.equal([422, 'avatar_not_found']);
    }
  });

  it('shows a file to its owner alone, until a profile wears it', async () => {
    const [owner, other] = await newUsers('owner', 'other');
    const file = await uploaded(owner, { bytes: await png() });
    const path = `/media/${file.file_id}`;
    expect((await getAs(owner, path)).status).to.equal(200);
    expect((await getAs(other, path)).status).to.equal(404);
    expect((await get(path)).status).to.equal(401);
    expect((await owner.rest('PATCH', '/me', { avatar_id: file.file_id })).status).to.equal(200);
    expect((await getAs(other, path)).status).to.equal(200);
    expect((await owner.rest('DELETE', '/me/avatar')).status).to.equal(204);
    expect((await getAs(other, path)).status).to.equal(404);
  });

  it('puts an avatar on, as everybody sees it, and takes it off', async () => {
    const [owner, other] = await newUsers('owner', 'other');
    const { status, body } = await upload<{ avatar: { url: string; thumb_url: string } }>(
      owner,
      { bytes: await png(3000, 200), name: 'x.png' },
      '/me/avatar',
    );
    expect(status).to.equal(201);
    const seen = await other.rest<{ avatar: object }>('GET', `/api/v1/users/${owner.id}`);
    expect(seen.body.avatar).to.deep.equal(body.avatar);
    const { width, height } = await sharp((await get(body.avatar.url)).bytes).metadata();
    expect({ width, height }).to.deep.equal({ width: 1024, height: 68 });
    expect((await get(body.avatar.thumb_url)).status).to.equal(200);
    await owner.rest('DELETE', '/me/avatar');
    expect((await owner.rest<{ avatar: null }>('GET', '/me')).body.avatar).to.equal(null);
  });
});
