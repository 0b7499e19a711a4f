import { expect } from 'chai';
import type { File } from '../../../../schemas/rest/media.ts';
import { product, useProduct } from '../support/program.ts';
import { rest } from '../support/rest.ts';
import { newUser, type User } from '../support/users.ts';
import { get, png, presign, promised, promisedForm, sentBy, stored, wav } from './support.ts';

describe('presigned uploads', function () {
  this.timeout(60_000);
  useProduct();

  it('take what was promised, by PUT and by form, and become a file once', async () => {
    const user = await newUser();
    for (const send of [sentBy, formSentBy]) {
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

  async function formSentBy(user: User): Promise<string> {
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
    const forged = url.replace(/(?<=sig=)./, (first) => (first === '_' ? '-' : '_'));
    expect(await put(forged, 4)).to.equal(403);
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

  it('of no known type are taken whatever they turn out to be, and never shown', async () => {
    const user = await newUser();
    for (const [bytes, mime_type] of [
      [await png(), 'image/png'],
      [wav(1), 'audio/wav'],
      [new TextEncoder().encode('<script>1</script>'), 'application/octet-stream'],
    ] as const) {
      const content_type = 'application/octet-stream';
      const { body } = await presign(user, { kind: 'file', content_type, size: bytes.length });
      await fetch(product().url + body.url, {
        method: 'PUT',
        headers: { 'Content-Type': content_type },
        body: bytes,
      });
      const done = await user.rest<File>('POST', `/uploads/${body.file_id}/complete`);
      expect(done).to.deep.include({ status: 200 });
      expect(done.body).to.include({ kind: 'file', mime_type });
      const got = await fetch(product().url + done.body.url);
      expect(got.headers.get('content-disposition')).to.match(/^attachment/);
    }
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
      expect((await presign(user, { kind, content_type, size })).status, `${kind} ${content_type}`).to.equal(
        status,
      );
  });
});
