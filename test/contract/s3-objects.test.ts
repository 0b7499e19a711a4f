import { expect } from 'chai';
import { type Objects, objectKeys, type SignedPost, type SignedPut } from '../../ops/objects/objects.ts';
import { openS3Objects } from '../../ops/objects/s3-objects.ts';
import { freePort } from '../../ops/process/free-port.ts';
import { refusalOf } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import { type S3Server, startS3 } from '../support/s3-server.ts';
import { objectsContract } from './objects.contract.ts';

describe('with a real S3 server', function () {
  this.timeout(400_000);
  let server: S3Server;
  let objects: Objects;
  const faults: { name: string }[] = [];

  before(async () => {
    server = await startS3();
    objects = openS3Objects({ region: 'us-east-1', ...server, onError: (fault) => faults.push(fault) });
  });
  after(async () => {
    objects?.close();
    await server?.stop();
  });

  objectsContract('S3', async () => ({ objects, dispose: async () => {} }));

  const promise = { type: 'image/png', size: 7, expiresInS: 60 };
  const seven = 'seven b';
  const aKey = () => objectKeys.incoming(newId());

  async function expectUnavailable(asked: Promise<unknown>): Promise<void> {
    const refusal = await asked.then(() => 'nothing', refusalOf);
    expect(refusal).to.deep.include({ code: 'unavailable', reason: 'media_unavailable' });
  }

  async function put({ url, headers }: SignedPut, body: string, more: Record<string, string> = {}) {
    // fetch knows the length by itself.
    const { 'Content-Length': _, ...rest } = headers;
    return (await fetch(url, { method: 'PUT', headers: { ...rest, ...more }, body })).status;
  }

  async function post({ url, fields }: SignedPost, body: string, more: Record<string, string> = {}) {
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...fields, ...more })) form.append(name, value);
    form.append('file', new Blob([body]), 'x');
    return (await fetch(url, { method: 'POST', body: form })).status;
  }

  it('takes a presigned PUT of just this type and length', async () => {
    const key = aKey();
    expect(await put(await objects.presignPut(key, promise), seven)).to.equal(200);
    expect((await objects.stat(key))?.size).to.equal(7);
  });

  it('refuses a presigned PUT of another length, another type, another key, or too late', async () => {
    const key = aKey();
    const signed = await objects.presignPut(key, promise);
    expect(await put(signed, 'eight by'), 'length').to.equal(403);
    expect(await put(signed, seven, { 'Content-Type': 'text/html' }), 'type').to.equal(403);
    const elsewhere = { ...signed, url: signed.url.replace(key, aKey()) };
    expect(await put(elsewhere, seven), 'key').to.equal(403);
    const late = { ...signed, url: signed.url.replace(/X-Amz-Date=\d{8}/, 'X-Amz-Date=20200101') };
    expect(await put(late, seven), 'time').to.be.within(400, 403);
    expect(await objects.stat(key)).to.equal(undefined);
  });

  it('takes a presigned form of just this type and length, and refuses any other', async () => {
    const key = aKey();
    const signed = await objects.presignPost(key, promise);
    expect(await post(signed, 'eight by'), 'longer').to.equal(400);
    expect(await post(signed, 'six by'), 'shorter').to.equal(400);
    expect(await post(signed, seven, { 'Content-Type': 'text/html' }), 'type').to.equal(403);
    expect(await post(signed, seven, { key: aKey() }), 'key').to.equal(403);
    expect(await objects.stat(key)).to.equal(undefined);
    expect(await post(signed, seven)).to.equal(204);
    expect((await objects.stat(key))?.size).to.equal(7);
  });

  it('says that it is unavailable where S3 refuses it, and tells the operator why', async () => {
    const { endpoint, bucket, accessKey } = server;
    const told: { name: string; status: number | undefined }[] = [];
    const wrong = openS3Objects({
      region: 'us-east-1',
      ...{ endpoint, bucket, accessKey },
      secretKey: 'not the secret',
      onError: (fault) => told.push(fault),
    });
    await expectUnavailable(wrong.put(aKey(), Buffer.from('x'), 'text/plain'));
    wrong.close();
    expect(told[0]).to.deep.equal({ name: 'SignatureDoesNotMatch', status: 403 });
  });

  it('says that it is unavailable where nobody listens, however much there is to send, and goes on', async () => {
    const { bucket, accessKey, secretKey } = server;
    const told: object[] = [];
    const away = openS3Objects({
      region: 'us-east-1',
      ...{ bucket, accessKey, secretKey },
      endpoint: `http://127.0.0.1:${await freePort()}`,
      onError: (fault) => told.push(fault),
    });
    const pieces = 60;
    for (let sent = 0; sent < pieces; sent += 2) {
      const writing = await away.begin(aKey(), promise.type);
      for (let piece = 0; piece <= sent; piece++) await writing.write(Buffer.alloc(16_000));
      await expectUnavailable(writing.finish());
    }
    away.close();
    expect(told).to.have.length(pieces / 2);
    expect(told[0]).to.deep.equal({ name: 'ECONNREFUSED', status: undefined });
  });

  it('says that it is unavailable where S3 falls silent, before and within an answer, and does not wait for ever', async () => {
    const told: { name: string }[] = [];
    const silent = openS3Objects({
      region: 'us-east-1',
      ...server,
      silenceMs: 3000,
      onError: (fault) => told.push(fault),
    });
    const key = aKey();
    // More than the sockets between us hold.
    await objects.put(key, Buffer.alloc(20_000_000), promise.type);
    const stream = await silent.read(key);
    await server.pause();
    try {
      const rest = await stream?.toArray().then(
        () => 'whole',
        (error: Error) => error.name,
      );
      expect(rest).to.equal('TimeoutError');
      const writing = await silent.begin(aKey(), promise.type);
      await writing.write(Buffer.alloc(1_000_000));
      const asked: Promise<unknown>[] = [writing.finish(), silent.stat(key), silent.read(key)];
      await Promise.all(asked.map(expectUnavailable));
      expect(told.map(({ name }) => name)).to.deep.equal(Array(3).fill('TimeoutError'));
    } finally {
      server.resume();
      silent.close();
    }
  });
});
