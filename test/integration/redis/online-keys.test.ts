import { expect } from 'chai';
import { connectRedis, type RedisLink } from '../../../ops/connections/redis.ts';
import { createOnlineKeys, type OnlineKeys } from '../../../ops/ephemeral/online-keys.ts';
import { newId } from '../../../schemas/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { startRedis, type TestServer } from '../../support/servers.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

describe('keys that tell who is online', () => {
  const prefix = 'test:';
  let server: TestServer;
  let reader: RedisLink;
  const made: { link: RedisLink; keys: OnlineKeys }[] = [];

  beforeEach(async () => {
    server = await startRedis();
    reader = await connect('reader');
  });
  afterEach(async () => {
    for (const { link, keys } of made.splice(0)) {
      keys.close();
      await link.close();
    }
    await reader.close();
    await server.stop();
  });

  /** Time-outs are not what these tests are about. */
  const connect = (name: string) => connectRedis({ url: server.url, name, commandMs: 5000 });

  /** A gateway with a clock of its own: rounds come when a test says so; lives are Redis's. */
  async function gateway() {
    const link = await connect('gateway');
    const clock = new VirtualClock();
    const keys = createOnlineKeys({ redis: link, prefix, clock });
    made.push({ link, keys });
    return { link, clock, keys };
  }

  const key = (userId: string) => `${prefix}online:${userId}`;
  const lifeOf = (userId: string) => reader.run((client) => client.pttl(key(userId)));
  const isThere = async (userId: string) => (await lifeOf(userId)) > 0;
  const shorten = (userId: string) => reader.run((client) => client.pexpire(key(userId), 20_000));
  /** Redis answers in its own time: whatever was to be written is by then. */
  const written = async ({ link }: { link: RedisLink }) => {
    await link.run((client) => client.ping());
    await new Promise((resolve) => setImmediate(resolve));
  };

  it('are written within a second, and live for a minute', async () => {
    const { clock, keys } = await gateway();
    const ali = newId();
    keys.online(ali);
    await clock.advance(1000);
    await eventually(() => isThere(ali));
    expect(await lifeOf(ali)).to.be.within(55_000, 60_000);
  });

  it('are kept alive every 20 s, and not after the user has left', async () => {
    const own = await gateway();
    const [ali, vali] = [newId(), newId()];
    own.keys.online(ali);
    own.keys.online(vali);
    await own.clock.advance(1000);
    await eventually(async () => (await isThere(ali)) && (await isThere(vali)));
    own.keys.offline(vali);
    expect(own.keys.size()).to.equal(1);
    await shorten(ali);
    await shorten(vali);
    await own.clock.advance(20_000);
    await eventually(async () => (await lifeOf(ali)) > 55_000);
    await written(own);
    expect(await lifeOf(vali)).to.be.within(1, 20_000);
  });

  it('stay while one of two gateways has the user, whatever the other does', async () => {
    const [one, other] = [await gateway(), await gateway()];
    const ali = newId();
    one.keys.online(ali);
    other.keys.online(ali);
    await one.clock.advance(1000);
    await other.clock.advance(1000);
    await eventually(() => isThere(ali));
    one.keys.offline(ali);
    await one.clock.advance(60_000);
    await written(one);
    expect(await isThere(ali)).to.equal(true);
    one.keys.close();
    await written(one);
    expect(await isThere(ali)).to.equal(true);
    await shorten(ali);
    await other.clock.advance(20_000);
    await eventually(async () => (await lifeOf(ali)) > 55_000);
  });

  it('are written once for who has no socket', async () => {
    const own = await gateway();
    const ali = newId();
    own.keys.seen(ali);
    await own.clock.advance(1000);
    await eventually(() => isThere(ali));
    await shorten(ali);
    await own.clock.advance(60_000);
    await written(own);
    expect(await lifeOf(ali)).to.be.within(1, 20_000);
    expect(own.keys.size()).to.equal(0);
  });

  it('are there again when Redis comes back empty, without waiting for the round', async () => {
    const own = await gateway();
    const [ali, vali] = [newId(), newId()];
    own.keys.online(ali);
    await own.clock.advance(1000);
    await eventually(() => isThere(ali));
    await server.kill();
    await eventually(() => !own.link.up());
    own.keys.online(vali);
    await own.clock.advance(60_000);
    await server.start();
    await eventually(() => own.link.up() && reader.up());
    await eventually(async () => (await isThere(ali)) && (await isThere(vali)));
  });

  it('of many users are written in many pipelines, one at a time', async () => {
    const link = await connect('gateway');
    const clock = new VirtualClock();
    let pipelines = 0;
    let atOnce = 0;
    let most = 0;
    const watched: RedisLink = {
      ...link,
      async run(command) {
        pipelines++;
        most = Math.max(most, ++atOnce);
        return link.run(command).finally(() => atOnce--);
      },
    };
    const keys = createOnlineKeys({ redis: watched, prefix, clock });
    made.push({ link, keys });
    const users = Array.from({ length: 3000 }, () => newId());
    for (const user of users) keys.online(user);
    const allThere = async () => (await reader.run((client) => client.dbsize())) === users.length;
    await clock.advance(1000);
    await eventually(allThere);
    await reader.run((client) => client.flushall());
    await clock.advance(20_000);
    await eventually(allThere);
    await eventually(() => atOnce === 0);
    // A connection that comes back begins a round of its own.
    expect(pipelines).to.be.at.least((2 * users.length) / 250);
    expect(most).to.equal(1);
  });
});
