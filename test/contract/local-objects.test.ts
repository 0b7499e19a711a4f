import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openLocalObjects } from '../../ops/objects/local-objects.ts';
import { objectKeys } from '../../ops/objects/objects.ts';
import { systemClock } from '../../ops/process/clock.ts';
import { newId } from '../../schemas/ids.ts';
import { objectsContract } from './objects.contract.ts';

const secret = 'a secret of the tests alone';

async function make() {
  const dir = await mkdtemp(join(tmpdir(), 'suhbat-objects-'));
  const faults: string[] = [];
  const onError = ({ name }: { name: string }) => void faults.push(name);
  const objects = await openLocalObjects({ dir, secret, clock: systemClock, onError });
  return { dir, objects, faults, dispose: () => rm(dir, { recursive: true, force: true }) };
}

objectsContract('a folder', make);

describe('objects in a folder', () => {
  let store: Awaited<ReturnType<typeof make>>;
  beforeEach(async () => {
    store = await make();
  });
  afterEach(() => store.dispose());

  it('stay in the folder, whatever a key says', async () => {
    for (const key of [
      '../x',
      'files/../../x',
      '/etc/passwd',
      'files/..',
      'files//x',
      'files/a/b/c',
      'x',
      'files/A',
    ]) {
      const thrown = await store.objects.put(key, Buffer.from('x'), 'text/plain').then(
        () => 'put',
        (error: Error) => error.message,
      );
      expect(thrown, key).to.equal('This is no key of an object');
    }
    expect(await readdir(join(store.dir, '..'))).to.not.include('x');
  });

  it('leave nothing of a process that died in the middle, once it is swept', async () => {
    const writing = await store.objects.begin(objectKeys.incoming(newId()), 'text/plain');
    await writing.write(Buffer.from('half'));
    const begun = join(store.dir, 'begun');
    const [name = ''] = await readdir(begun);
    await store.objects.sweep(Date.now() - 60_000);
    expect(await readdir(begun)).to.have.length(1);
    await utimes(join(begun, name), 0, 0);
    await store.objects.sweep(Date.now() - 60_000);
    expect(await readdir(begun)).to.deep.equal([]);
    await writing.abandon();
  });

  it('say that they are unavailable where the disk refuses, tell the operator why, and leave nothing', async () => {
    await rm(join(store.dir, 'begun'), { recursive: true });
    const refused = await store.objects.put(objectKeys.incoming(newId()), Buffer.from('x'), 'x').then(
      () => undefined,
      (error: { refusal?: object }) => error.refusal,
    );
    expect(refused).to.deep.include({ code: 'unavailable', reason: 'media_unavailable' });
    expect(store.faults).to.deep.equal(['ENOENT']);
  });

  it('sign a promise of one key, type and size until it expires, and nobody else can', async () => {
    const key = objectKeys.incoming(newId());
    const { url } = await store.objects.presignPut(key, { type: 'image/png', size: 7, expiresInS: 60 });
    const query = Object.fromEntries(new URLSearchParams(url.split('?')[1]));
    const { signed } = store.objects;
    expect(signed?.promised(key, query)).to.deep.include({ type: 'image/png', size: 7 });
    for (const change of [
      { content_type: 'text/html' },
      { size: '8' },
      { expires: '9999999999' },
      { sig: 'x' },
      { sig: '' },
    ])
      expect(signed?.promised(key, { ...query, ...change }), JSON.stringify(change)).to.equal(undefined);
    expect(signed?.promised(objectKeys.incoming(newId()), query)).to.equal(undefined);
    expect(signed?.promised(key, {})).to.equal(undefined);
    const { url: late } = await store.objects.presignPut(key, { type: 'image/png', size: 7, expiresInS: 0 });
    const lateQuery = Object.fromEntries(new URLSearchParams(late.split('?')[1]));
    expect(signed?.promised(key, lateQuery)).to.equal(undefined);
  });
});
