import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { connectRedis, type RedisChange, type RedisLink } from '../../../ops/connections/redis.ts';
import { createRedisStore } from '../../../ops/ephemeral/redis-store.ts';
import { freePort } from '../../../ops/process/free-port.ts';
import { SuhbatError } from '../../../schemas/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { startRedis, type TestServer } from '../../support/servers.ts';

describe('the connection to Redis', () => {
  const servers: TestServer[] = [];
  const links: RedisLink[] = [];
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => rejections.push(reason);

  before(() => process.on('unhandledRejection', onRejection));
  after(() => process.off('unhandledRejection', onRejection));
  afterEach(async () => {
    await Promise.all(links.splice(0).map((link) => link.close()));
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    // Rejections are told when the turn is over.
    await new Promise((resolve) => setImmediate(resolve));
    expect(rejections.splice(0)).to.deep.equal([]);
  });

  async function redis(args: string[] = []): Promise<TestServer> {
    const server = await startRedis(args);
    servers.push(server);
    return server;
  }

  /** Commands may take longer than by default, but where that is asked about: this machine may do much else. */
  async function link(
    url: string,
    onChange?: (change: RedisChange) => void,
    more: { commandMs?: number } = { commandMs: 5000 },
  ): Promise<RedisLink> {
    const made = await connectRedis({ url, name: 'test', ...more, ...(onChange && { onChange }) });
    links.push(made);
    return made;
  }

  /** What came of it, and after how many milliseconds. */
  async function attempt(work: Promise<unknown>): Promise<{ outcome: unknown; ms: number }> {
    const began = performance.now();
    const outcome = await work.catch((error: unknown) => error);
    return { outcome, ms: performance.now() - began };
  }

  const away = { code: 'unavailable', reason: 'redis_away' };
  const refusalOf = (outcome: unknown) => (outcome instanceof SuhbatError ? outcome.refusal : outcome);

  it('fails fast while Redis is killed, under use, and works again when it is back', async () => {
    const server = await redis();
    const changes: RedisChange[] = [];
    const made = await link(server.url, (change) => changes.push(change));
    const store = createRedisStore(made, 'kill:');
    let using = true;
    const outcomes = new Map<string, number>();
    let slowest = 0;
    const users = Array.from({ length: 20 }, async (_, user) => {
      while (using) {
        const { outcome, ms } = await attempt(store.set(`${user}`, 'x', 1000));
        slowest = Math.max(slowest, ms);
        const kind = outcome === undefined ? 'done' : JSON.stringify(refusalOf(outcome));
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    await eventually(() => (outcomes.get('done') ?? 0) > 100);
    await server.kill();
    await eventually(() => (outcomes.get(JSON.stringify(away)) ?? 0) > 100);
    expect(made.up()).to.equal(false);
    expect(made.trouble()).to.be.a('string');
    const { outcome, ms } = await attempt(store.get('1'));
    expect(refusalOf(outcome)).to.deep.equal(away);
    expect(ms).to.be.below(2500);
    await server.start();
    await eventually(() => made.up());
    const before = outcomes.get('done') ?? 0;
    await eventually(() => (outcomes.get('done') ?? 0) > before + 100);
    using = false;
    await Promise.all(users);
    expect([...outcomes.keys()].sort()).to.deep.equal(['done', JSON.stringify(away)]);
    // A command that was on its way is given up within its bound, here with room for a busy machine.
    expect(slowest).to.be.below(10_000);
    expect(changes[0]).to.equal('lost');
    await eventually(() => changes.at(-1) === 'back' && made.trouble() === undefined);
  });

  it('gives up a Redis that hangs after half a second, once; then it counts as away until it wakes', async () => {
    const server = await redis();
    const made = await link(server.url, undefined, {});
    const store = createRedisStore(made, 'hang:');
    await store.set('a', '1', 60_000);
    await server.pause();
    const first = await attempt(store.get('a'));
    expect(refusalOf(first.outcome)).to.deep.equal(away);
    expect(first.ms).to.be.within(300, 5000);
    await eventually(() => !made.up());
    const took: number[] = [];
    for (let n = 0; n < 20; n++) {
      const next = await attempt(store.get('a'));
      expect(refusalOf(next.outcome)).to.deep.equal(away);
      // As a library would ask.
      const direct = await attempt(made.client.get('a'));
      expect(direct.outcome).to.be.an('error');
      took.push(next.ms, direct.ms);
    }
    // Few may be held up by the machine; none waits for its half second.
    expect(took.filter((ms) => ms > 400).length).to.be.below(3);
    server.resume();
    await eventually(async () => made.up() && (await store.get('a')) === '1');
  });

  it('is there without Redis, says why, and finds it when it comes', async () => {
    const server = await redis();
    await server.kill();
    const changes: RedisChange[] = [];
    const made = await link(server.url, (change) => changes.push(change));
    expect(made.up()).to.equal(false);
    expect(made.trouble()).to.equal('ECONNREFUSED');
    expect(changes).to.deep.equal([]);
    await server.start();
    await eventually(() => made.up());
    expect(changes).to.deep.equal(['back']);
  });

  it('starts within seconds where somebody takes connections and says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as { port: number };
    const { outcome, ms } = await attempt(link(`redis://127.0.0.1:${port}`, undefined, {}));
    expect((outcome as RedisLink).up()).to.equal(false);
    expect((outcome as RedisLink).trouble()).to.equal('timed out');
    expect(ms).to.be.below(5000);
    await links.pop()?.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('uses the credentials and the database of its URL', async () => {
    const server = await redis([
      '--requirepass',
      'geheim:@/ä',
      '--user',
      'ali',
      'on',
      '>p%40ss',
      '~*',
      '+@all',
    ]);
    const at = `127.0.0.1:${server.port}`;
    const admin = await link(`redis://:${encodeURIComponent('geheim:@/ä')}@${at}`);
    const ali = await link(`redis://ali:${encodeURIComponent('p%40ss')}@${at}/7`);
    await createRedisStore(ali, '').set('a', 'of seven', 60_000);
    expect(await createRedisStore(admin, '').get('a')).to.equal(undefined);
    expect(await admin.run((client) => client.select(7))).to.equal('OK');
    expect(await createRedisStore(admin, '').get('a')).to.equal('of seven');
  });

  it('tells a wrong password in a word, and never the password', async () => {
    const server = await redis(['--requirepass', 'right']);
    const made = await link(`redis://default:so-wrong@127.0.0.1:${server.port}`);
    expect(made.up()).to.equal(false);
    expect(made.trouble()).to.equal('WRONGPASS');
    const { outcome } = await attempt(createRedisStore(made, '').get('a'));
    expect(refusalOf(outcome)).to.deep.equal(away);
    expect(inspect(outcome, { depth: 9 })).to.not.include('so-wrong');
  });

  it('lets no key and no value into its refusals, whatever Redis says', async () => {
    const server = await redis(['--maxmemory', '1', '--rename-command', 'GETDEL', '']);
    const made = await link(server.url);
    const store = createRedisStore(made, '');
    await made.run((client) => client.config('SET', 'maxmemory', '0'));
    await made.run((client) => client.lpush('list-of-ali', 'x'));
    await made.run((client) => client.config('SET', 'maxmemory', '1'));
    const attempts = [
      store.set('key-of-ali', 'value-of-ali', 1000),
      store.add('key-of-ali', 'value-of-ali', 1000),
      store.get('list-of-ali'),
      store.take('key-of-ali'),
    ];
    for (const each of attempts) {
      const { outcome } = await attempt(each);
      expect(refusalOf(outcome)).to.deep.equal(away);
      expect(inspect(outcome, { depth: 9, showHidden: true })).to.not.include('of-ali');
    }
  });

  it('refuses a URL that is none of Redis, without showing it', async () => {
    for (const url of [
      'http://ali:pw@x',
      'redis://',
      'nonsense pw',
      'redis://ali:pw@x/a',
      'redis://ali:pw@x:0x',
    ]) {
      const { outcome } = await attempt(link(url));
      expect(outcome).to.be.an('error').with.property('name', 'StartError');
      expect(inspect(outcome)).to.not.include('pw');
    }
  });

  it('asks for TLS with rediss://, and believes no certificate that nobody vouches for', async () => {
    const folder = await redis();
    const [key, cert] = [join(folder.dir, 'key.pem'), join(folder.dir, 'cert.pem')];
    const make = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync('openssl', [...make, '-subj', '/CN=localhost', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const tlsPort = await freePort();
    const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key];
    await redis([...tls, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no']);
    const made = await link(`rediss://localhost:${tlsPort}`);
    expect(made.up()).to.equal(false);
    expect(made.trouble()).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('closes after what is in flight, for good, and says nothing more', async () => {
    const server = await redis();
    const changes: RedisChange[] = [];
    const made = await link(server.url, (change) => changes.push(change));
    const store = createRedisStore(made, '');
    const writing = store.set('a', '1', 60_000);
    await made.close();
    await writing;
    await made.close();
    expect(made.up()).to.equal(false);
    expect(refusalOf((await attempt(store.get('a'))).outcome)).to.deep.equal(away);
    await eventually(() => made.client.status === 'end');
    expect(changes).to.deep.equal([]);
  });
});
