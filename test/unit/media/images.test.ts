import { expect } from 'chai';
import { createImages } from '../../../services/media/images.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('work on images', () => {
  const images = createImages({ maxPixels: 1000 });

  /** Works that end when they are told to. */
  function held(count: number) {
    const begun: { end(): void; fail(error: Error): void }[] = [];
    const works = Array.from({ length: count }, () =>
      images.inTurn(() => new Promise<void>((resolve, reject) => begun.push({ end: resolve, fail: reject }))),
    );
    return { begun, ended: Promise.allSettled(works) };
  }

  it('is begun for two at a time: nobody else holds bytes meanwhile', async () => {
    const { begun, ended } = held(6);
    for (let n = 0; n < 6; n++) {
      await nextTurn();
      expect(begun).to.have.length(Math.min(6, n + 2));
      begun[n]?.end();
    }
    await ended;
  });

  it('goes on after one that fails', async () => {
    const { begun, ended } = held(3);
    await nextTurn();
    begun[0]?.fail(new Error('broken'));
    await nextTurn();
    expect(begun).to.have.length(3);
    for (const { end } of begun) end();
    expect((await ended).map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled', 'fulfilled']);
  });

  it('is refused where too many wait, and done again when they have gone', async () => {
    const { begun, ended } = held(2 + 64 + 1);
    for (let n = 0; n < 66; n++) {
      await nextTurn();
      begun[n]?.end();
    }
    const ends = await ended;
    expect(ends.filter(({ status }) => status === 'rejected')).to.have.length(1);
    const refused = ends.at(-1) as PromiseRejectedResult;
    expect(refused.reason.refusal).to.deep.include({ code: 'unavailable', reason: 'media_busy' });
    expect(await images.inTurn(async () => 'done')).to.equal('done');
  });
});
