import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import Type from 'typebox';
import { type CallLimits, createCallLimits } from '../../../gateway/call-limits.ts';
import type { Route } from '../../../gateway/http/route.ts';
import { connectRedis, type RedisLink } from '../../../ops/connections/redis.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { Strict } from '../../../schemas/common.ts';
import { newId } from '../../../schemas/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { startRedis, type TestServer } from '../../support/servers.ts';
import { raw } from '../gateway/raw.ts';
import { type GatewayTest, startGateway } from '../gateway/support.ts';

describe('REST limits over all gateways', () => {
  const rate = (amount: number, perMs = 60_000) => ({ amount, perMs, burst: amount });
  const rates = { authPerAddress: rate(5), authPerIp: rate(30), calls: rate(600) };
  const secret = 'a secret of all gateways';
  const prefix = 'test:';
  let server: TestServer;
  let links: RedisLink[];
  let gateways: GatewayTest[];

  beforeEach(async () => {
    server = await startRedis();
    links = [];
    gateways = [];
  });
  afterEach(async () => {
    for (const gateway of gateways) await gateway.stop();
    for (const link of links) await link.close();
    await server.stop();
  });

  /** A command that a busy machine holds up is not counted alone, unless a test is about that. */
  async function link(commandMs = 5000): Promise<RedisLink> {
    const made = await connectRedis({ url: server.url, name: 'limits', commandMs });
    links.push(made);
    return made;
  }

  async function limitsOf(own: Partial<typeof rates> = {}, commandMs?: number): Promise<CallLimits> {
    return createCallLimits(
      { ...rates, ...own },
      { redis: await link(commandMs), prefix, secret, clock: systemClock },
    );
  }

  async function gateway(
    routes: readonly Route[],
    own: Partial<typeof rates> = {},
    commandMs?: number,
  ): Promise<GatewayTest> {
    const sharedLimits = { redis: await link(commandMs), prefix, secret };
    const made = await startGateway({ routes, rates: { ...rates, ...own }, sharedLimits });
    gateways.push(made);
    return made;
  }

  /** How many of so many tries went through. */
  async function through(tries: (number | Promise<number>)[]): Promise<number> {
    return (await Promise.all(tries)).filter((wait) => wait === 0).length;
  }

  it('hold for two processes together, one after the other and at once', async () => {
    const [one, other] = [await limitsOf(), await limitsOf()];
    let passed = 0;
    for (let n = 0; n < 10; n++)
      passed +=
        (await through([one.take('authPerAddress', 'ali@example.com')])) +
        (await through([other.take('authPerAddress', 'ali@example.com')]));
    expect(passed).to.equal(5);
    const tries = Array.from({ length: 40 }, () => [
      one.take('authPerIp', '192.0.2.1'),
      other.take('authPerIp', '192.0.2.1'),
    ]).flat();
    expect(await through(tries)).to.equal(30);
    expect(await one.take('authPerIp', '192.0.2.1')).to.be.within(1, 60_000);
    const calls = Array.from({ length: 700 }, () => [one.take('calls', 'ali'), other.take('calls', 'ali')]);
    expect(await through(calls.flat())).to.be.within(600 - 18, 600);
    expect(await through([one.take('calls', 'vali')])).to.equal(1);
  });

  it('begin anew with the next window', async () => {
    const { take } = await limitsOf({ calls: rate(1, 5000) });
    expect(await take('calls', 'ali')).to.equal(0);
    expect(await take('calls', 'ali')).to.be.within(1, 5000);
    await eventually(async () => (await take('calls', 'ali')) === 0);
  });

  it('are counted per process while Redis is away, at once, and together again when it is back', async () => {
    const [one, other] = [await limitsOf(), await limitsOf()];
    expect(await through([one.take('authPerAddress', 'a'), other.take('authPerAddress', 'a')])).to.equal(2);
    await server.kill();
    await eventually(() => links.every((each) => !each.up()));
    const began = performance.now();
    for (const { take } of [one, other]) {
      const tries = Array.from({ length: 10 }, () => take('authPerAddress', 'b'));
      expect(await through(tries)).to.equal(5);
    }
    expect(performance.now() - began).to.be.below(1000);
    await server.start();
    await eventually(() => links.every((each) => each.up()));
    const tries = Array.from({ length: 10 }, () => [
      one.take('authPerAddress', 'c'),
      other.take('authPerAddress', 'c'),
    ]);
    expect(await through(tries.flat())).to.equal(5);
  });

  it('wait for a Redis that hangs no longer than a command may take, then count alone', async () => {
    const [one, other] = [await limitsOf({}, 500), await limitsOf({}, 500)];
    expect(await one.take('authPerAddress', 'a')).to.equal(0);
    await server.pause();
    const began = performance.now();
    const tries = Array.from({ length: 10 }, () => one.take('authPerAddress', 'b'));
    expect(await through(tries)).to.equal(5);
    expect(performance.now() - began).to.be.within(300, 5000);
    await eventually(() => links[0]?.up() === false);
    const again = performance.now();
    expect(await one.take('authPerAddress', 'c')).to.equal(0);
    expect(performance.now() - again).to.be.below(400);
    server.resume();
    await eventually(() => links.every((each) => each.up()));
    // Here a busy machine is a Redis that hangs.
    await eventually(async () => {
      const name = newId();
      const both = Array.from({ length: 10 }, () => [
        one.take('authPerAddress', name),
        other.take('authPerAddress', name),
      ]);
      return (await through(both.flat())) === 5;
    });
  });

  it('leave no address in Redis that anybody could read or guess, and nothing that stays', async () => {
    const { take } = await limitsOf();
    await take('authPerAddress', 'ali@example.com');
    await take('authPerIp', '192.0.2.77');
    await take('calls', '0190a1b2-0000-7000-8000-000000000001');
    const [reader] = links;
    const keys = await reader?.run((client) => client.keys('*'));
    expect(keys).to.have.length(3);
    for (const key of keys ?? []) {
      expect(key).to.match(/^test:limit:(authPerAddress|authPerIp|calls):[\w-]{22}$/);
      expect(await reader?.run((client) => client.pttl(key))).to.be.within(1, 60_000);
      expect(await reader?.run((client) => client.get(key))).to.match(/^\d+$/);
    }
    const other = createCallLimits(rates, {
      redis: await link(),
      prefix,
      secret: 'another',
      clock: systemClock,
    });
    await other.take('authPerIp', '192.0.2.77');
    expect(await reader?.run((client) => client.dbsize())).to.equal(4);
  });

  const lengthRoute: Route = {
    method: 'POST',
    path: '/length',
    summary: '',
    auth: 'user',
    limit: 'calls',
    body: Strict({ text: Type.String() }),
    replies: {},
    handle: async ({ body }) => ({ status: 200, body: { length: (body as { text: string }).text.length } }),
  };

  it('miss no body, of whatever size, though Redis answers in a later turn', async () => {
    const made = await gateway([lengthRoute]);
    for (const size of [0, 1, 10_000, 600_000]) {
      // A user of his own each: so each asks Redis.
      const answer = await fetch(`${made.base}/length`, {
        method: 'POST',
        headers: { authorization: `Bearer ${made.token(newId())}`, 'content-type': 'application/json' },
        body: JSON.stringify({ text: 'x'.repeat(size) }),
      });
      expect(await answer.json()).to.deep.equal({ length: size });
    }
    const large = await fetch(`${made.base}/length`, {
      method: 'POST',
      headers: { authorization: `Bearer ${made.token(newId())}`, 'content-type': 'application/json' },
      body: randomBytes(1024 * 1024 + 1),
    });
    expect(large.status).to.equal(413);
  });

  it('refuse with 429 on every gateway, before a look at the body, and the connection goes on', async () => {
    const made = [
      await gateway([lengthRoute], { calls: rate(4) }),
      await gateway([lengthRoute], { calls: rate(4) }),
    ];
    const ali = newId();
    const statuses: number[] = [];
    for (let n = 0; n < 6; n++) {
      const at = made[n % 2] as GatewayTest;
      const headers = { authorization: `Bearer ${at.token(ali)}`, 'content-type': 'application/json' };
      const answer = await fetch(`${at.base}/length`, {
        method: 'POST',
        headers,
        body: n < 4 ? '{"text":""}' : 'no JSON',
      });
      statuses.push(answer.status);
    }
    expect(statuses).to.deep.equal([200, 200, 200, 200, 429, 429]);
    const [one] = made as [GatewayTest];
    const head = `POST /length HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${one.token(ali)}\r\nContent-Type: application/json\r\n`;
    const connection = raw(one, `${head}Content-Length: 11\r\n\r\n{"text":""}`);
    await connection.has('429');
    connection.socket.write('GET /live HTTP/1.1\r\nHost: x\r\n\r\n');
    await connection.has('200 OK');
    connection.socket.destroy();
  });

  it('survive clients that leave while Redis is asked', async () => {
    // Redis is asked for as long as the test looks.
    const made = await gateway([lengthRoute], {}, 10_000);
    await server.pause();
    const leaving = Array.from({ length: 20 }, () => {
      const head = `POST /length HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${made.token(newId())}\r\n`;
      return raw(made, `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"te`);
    });
    await Promise.all(leaving.map(({ socket }) => new Promise((sent) => socket.write('x', sent))));
    // Who comes after them is served, so they were read.
    expect((await fetch(`${made.base}/live`)).status).to.equal(200);
    expect(links[0]?.up()).to.equal(true);
    for (const { socket } of leaving) socket.destroy();
    server.resume();
    await eventually(() => made.lines.filter(({ status }) => status === 499).length === 20);
    expect(made.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });
});
