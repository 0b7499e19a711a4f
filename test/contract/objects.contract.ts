import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { type Objects, objectKeys } from '../../ops/objects/objects.ts';
import { newId } from '../../schemas/ids.ts';

export interface ObjectsHarness {
  objects: Objects;
  dispose(): Promise<void>;
}

const type = 'application/octet-stream';

/** What every object store keeps. */
export function objectsContract(name: string, make: () => Promise<ObjectsHarness>): void {
  describe(`objects contract: ${name}`, function () {
    this.timeout(20_000);
    let harness: ObjectsHarness;
    let objects: Objects;
    before(async () => {
      harness = await make();
      objects = harness.objects;
    });
    after(() => harness?.dispose());

    const aKey = () => objectKeys.file(newId(), randomBytes(4).toString('hex'));

    async function bytesOf(key: string, range?: { start: number; end: number }): Promise<Buffer | undefined> {
      const stream = await objects.read(key, range);
      if (stream === undefined) return undefined;
      return Buffer.concat(await stream.toArray());
    }

    it('gives back what was put, whole and in ranges', async () => {
      const key = aKey();
      const bytes = randomBytes(200_000);
      await objects.put(key, bytes, type);
      expect((await bytesOf(key))?.equals(bytes)).to.equal(true);
      expect((await bytesOf(key, { start: 0, end: 0 }))?.equals(bytes.subarray(0, 1))).to.equal(true);
      expect((await bytesOf(key, { start: 99_999, end: 199_999 }))?.equals(bytes.subarray(99_999))).to.equal(
        true,
      );
      expect((await objects.stat(key))?.size).to.equal(200_000);
    });

    it('has nothing under a key that nobody has put, and lets it be removed', async () => {
      const key = aKey();
      expect(await objects.stat(key)).to.equal(undefined);
      expect(await objects.read(key)).to.equal(undefined);
      await objects.remove(key);
      expect(await objects.copy(key, aKey(), 'x', type)).to.equal(false);
    });

    it('takes bytes as they come, and shows nothing before they have all come', async () => {
      const key = aKey();
      const pieces = Array.from({ length: 20 }, () => randomBytes(50_000));
      const writing = await objects.begin(key, type);
      for (const piece of pieces) await writing.write(piece);
      expect(await objects.stat(key)).to.equal(undefined);
      await writing.finish();
      expect((await bytesOf(key))?.equals(Buffer.concat(pieces))).to.equal(true);
    });

    it('keeps nothing of what was abandoned', async () => {
      const key = aKey();
      const writing = await objects.begin(key, type);
      await writing.write(randomBytes(100_000));
      await writing.abandon();
      expect(await objects.stat(key)).to.equal(undefined);
    });

    it('copies one version, which then does not change with what it was copied from', async () => {
      const [from, to, late] = [objectKeys.incoming(newId()), aKey(), aKey()];
      await objects.put(from, Buffer.from('first'), type);
      const first = await objects.stat(from);
      expect(await objects.copy(from, to, first?.version ?? '', type)).to.equal(true);
      await objects.put(from, Buffer.from('other'), type);
      expect(String(await bytesOf(to))).to.equal('first');
      expect((await objects.stat(from))?.version).to.not.equal(first?.version);
      expect(await objects.copy(from, late, first?.version ?? '', type)).to.equal(false);
      expect(await objects.stat(late)).to.equal(undefined);
      await objects.remove(from);
      expect(String(await bytesOf(to))).to.equal('first');
    });

    it('removes, and twice is as good as once', async () => {
      const key = aKey();
      await objects.put(key, randomBytes(10), type);
      await objects.remove(key);
      await objects.remove(key);
      expect(await objects.stat(key)).to.equal(undefined);
    });

    it('lists what begins so and is old enough, and no more than is wanted', async () => {
      const keys = Array.from({ length: 3 }, () => objectKeys.incoming(newId()));
      for (const key of keys) await objects.put(key, randomBytes(10), type);
      const later = Date.now() + 60_000;
      expect(await objects.list('incoming/', later, 1000)).to.include.members(keys);
      expect(await objects.list('incoming/', later, 2)).to.have.length(2);
      expect(await objects.list('incoming/', Date.now() - 60_000, 1000)).to.not.include.members(keys);
    });

    it('keeps an object whole while somebody reads it and it is removed', async () => {
      const key = aKey();
      const bytes = randomBytes(3_000_000);
      await objects.put(key, bytes, type);
      const stream = await objects.read(key);
      await objects.remove(key);
      expect(Buffer.concat((await stream?.toArray()) ?? []).equals(bytes)).to.equal(true);
    });
  });
}
