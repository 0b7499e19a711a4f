import { expect } from 'chai';
import type { ClientError } from 'suhbat/client';
import { createRest } from '../../../gateway/client/rest.ts';
import { sleep } from '../../../ops/process/clock.ts';
import { settled } from '../../support/virtual-clock.ts';
import { testPlatform } from './platform.ts';

const json = (status: number, body: object, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const noService = () => json(503, { code: 'unavailable', reason: 'no_service' });

/** REST calls whose answers come from `answer`. */
function calls(answer: (n: number) => Response, slowMs = 0) {
  const platform = testPlatform();
  let asked = 0;
  async function fetch(): Promise<Response> {
    const n = ++asked;
    if (slowMs > 0) await sleep(platform.clock, slowMs);
    return answer(n);
  }
  const rest = createRest('http://suhbat.example', {
    platform: { ...platform, fetch },
  });
  const call = (method: string) =>
    rest.as('token', { method, path: '/me' }).then(
      ({ body }) => body,
      ({ code, reason }: ClientError) => ({ code, reason }),
    );
  return { platform, rest, call, asked: () => asked };
}

const lost = () => {
  throw new TypeError('fetch failed');
};

describe('REST calls of the SDK', () => {
  for (const [why, answer] of Object.entries({
    'were lost': lost,
    'nobody served': noService,
    'a proxy found nobody for': () => new Response('<html>', { status: 502 }),
  }))
    it(`that read, and ${why}, are made again`, async () => {
      const { platform, call, asked } = calls((n) => (n < 3 ? answer() : json(200, { name: 'anna' })));
      const answered = call('GET');
      await settled();
      expect(asked()).to.equal(1);
      await platform.clock.advance(250);
      expect(asked()).to.equal(2);
      await platform.clock.advance(375);
      expect(await answered).to.deep.equal({ name: 'anna' });
      expect(platform.waits()).to.deep.equal([]);
    });

  it('that read fail after some seconds, with what was said last', async () => {
    const { platform, call, asked } = calls((n) => (n === 1 ? lost() : noService()));
    const answered = call('GET');
    await settled();
    await platform.clock.advance(5000);
    expect(await answered).to.deep.equal({ code: 'unavailable', reason: 'no_service' });
    expect(asked()).to.be.within(4, 8);
    expect(platform.waits()).to.deep.equal([]);
  });

  it('that read are made again by a gateway that has waited before it refused, and says when to come back', async () => {
    const refusal = { code: 'unavailable', reason: 'no_service' };
    const { platform, call, asked } = calls(
      (n) => (n === 1 ? json(503, refusal, { 'retry-after': '1' }) : json(200, { name: 'anna' })),
      4000,
    );
    const answered = call('GET');
    await platform.clock.advance(4000);
    await platform.clock.advance(999);
    expect(asked()).to.equal(1);
    await platform.clock.advance(1);
    expect(asked()).to.equal(2);
    await platform.clock.advance(4000);
    expect(await answered).to.deep.equal({ name: 'anna' });
  });

  it('that change something are made once', async () => {
    for (const [answer, expected] of [
      [lost, { code: 'timeout', reason: 'network' }],
      [noService, { code: 'unavailable', reason: 'no_service' }],
    ] as const) {
      const { platform, call, asked } = calls(answer);
      expect(await call('PATCH')).to.deep.equal(expected);
      expect(asked()).to.equal(1);
      expect(platform.waits()).to.deep.equal([]);
    }
  });

  it('that read are made once where anything else was refused', async () => {
    const { call, asked } = calls(() => json(503, { code: 'unavailable', reason: 'overloaded' }));
    expect(await call('GET')).to.deep.equal({ code: 'unavailable', reason: 'overloaded' });
    expect(asked()).to.equal(1);
  });

  it('that wait to be made again end with the client', async () => {
    const { platform, rest, call, asked } = calls(noService);
    const answered = call('GET');
    await settled();
    rest.close();
    expect(await answered).to.deep.equal({ code: 'unavailable', reason: 'no_service' });
    expect(asked()).to.equal(1);
    expect(platform.waits()).to.deep.equal([]);
  });
});
