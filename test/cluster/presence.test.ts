import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Client, connect, type Presence, register, type TokensAnswer } from 'suhbat/client';
import { type Cluster, startCluster } from '../../ops/cluster/cluster.ts';
import type { Node } from '../../ops/cluster/node.ts';
import { makeTokenKey } from '../../ops/config/token-key.ts';
import { eventually } from '../support/eventually.ts';

/** Long enough for a dead node to be noticed, by heartbeats too, and for a grace. */
const noticedMs = 15_000;
/** Gateways look again at whom their clients watch 15 s after a shard began anew. */
const reviewedMs = 40_000;

interface User {
  id: string;
  tokens: TokensAnswer;
}

/** Real processes on this machine: two gateways, two nodes of actors. */
describe('presence in a cluster', function () {
  this.timeout(120_000);

  let dir = '';
  let cluster: Cluster;
  let names = 0;
  const clients: Client[] = [];
  const logged: string[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'suhbat-presence-'));
    cluster = await startCluster({
      dir,
      counts: { services: 1, actors: 2, gateway: 2 },
      env: {
        SUHBAT_TOKEN_KEY: makeTokenKey(),
        SUHBAT_REFRESH_SECRET: randomBytes(32).toString('base64url'),
        SUHBAT_PRESENCE_GRACE: '1000',
        SUHBAT_BCRYPT_COST: '4',
        SUHBAT_RATE_LIMIT_FACTOR: '1000',
      },
      onLine: (name, line) => void logged.push(`${name} ${line}`),
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(cluster.nodes.map((node) => (node.state === 'down' ? node.start() : node.resume())));
  });
  after(async () => {
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const nodes = (role: string) => cluster.nodes.filter((node) => node.role === role);
  const urlOf = (node: Node | undefined) => node?.url ?? '';
  const gateways = () => nodes('gateway') as [Node, Node];

  async function newUser(): Promise<User> {
    names++;
    const account = { username: `present_${names}`, email: `present${names}@example.org` };
    const tokens = await register(urlOf(gateways()[1]), { ...account, password: 'a long password' });
    return { id: tokens.user.id, tokens };
  }

  async function online(user: User, gateway: Node): Promise<Client> {
    const client = connect({ url: urlOf(gateway), tokens: user.tokens });
    clients.push(client);
    await client.ready();
    return client;
  }

  /** So many users, online on this gateway; registered one by one, because hashes of passwords take their turns. */
  async function people(count: number, gateway: Node): Promise<User[]> {
    const users: User[] = [];
    while (users.length < count) users.push(await newUser());
    await Promise.all(users.map((user) => online(user, gateway)));
    return users;
  }

  /** Somebody on this gateway who watches these; `now`: what he was told last, `all`: everything. */
  async function watcher(users: readonly User[], gateway: Node) {
    const watching = await newUser();
    const client = await online(watching, gateway);
    const now = new Map<string, boolean>();
    const all: Presence[] = [];
    client.on('presence', (presence) => {
      now.set(presence.user_id, presence.online);
      all.push(presence);
    });
    const ids = users.map(({ id }) => id);
    await eventually(async () => {
      for (const presence of await client.watchPresence(ids)) now.set(presence.user_id, presence.online);
      return ids.every((id) => now.get(id)) || `watched: ${[...now.values()]}`;
    });
    return { now, all, client, tokens: watching.tokens };
  }

  async function shown(user: User, by: TokensAnswer, gateway: Node): Promise<boolean> {
    const response = await fetch(`${urlOf(gateway)}/api/v1/users/${user.id}/presence`, {
      headers: { authorization: `Bearer ${by.access_token}` },
    });
    expect(response.status, 'GET presence').to.equal(200);
    return ((await response.json()) as Presence).online;
  }

  async function servedBy(node: Node): Promise<number> {
    const text = await (await fetch(`${node.opsUrl}/metrics`)).text();
    return Number(/^suhbat_shards\{state="serving"\} (\d+)/m.exec(text)?.[1] ?? 0);
  }

  /** Waits until every actors node serves so many shards at least, and none is on its way. */
  function spread(least: number): Promise<void> {
    return eventually(async () => {
      const serving = await Promise.all(nodes('actors').map(servedBy));
      const done = Math.min(...serving) >= least && serving.reduce((sum, one) => sum + one) === 64;
      return done || `served: ${serving}`;
    }, 2 * noticedMs);
  }

  /** All of them, by both ways of asking. */
  async function areOnline(users: readonly User[], by: TokensAnswer, gateway: Node): Promise<string | true> {
    const found = await Promise.all(users.map((user) => shown(user, by, gateway)));
    return found.every(Boolean) || `online: ${found}`;
  }

  it('ends with the gateway that holds the sockets, also where the owner dies together with it', async () => {
    const [one, two] = gateways();
    // The node that started first may have everything for a moment.
    await spread(10);
    const users = await people(16, one);
    const [both] = users as [User];
    await online(both, two);
    const watching = await watcher(users, two);
    const [victim] = nodes('actors') as [Node];
    const killed = performance.now();
    await Promise.all([one.kill(), victim.kill()]);
    for (const client of clients.splice(0, users.length)) client.close();
    const left = () => users.filter(({ id }) => watching.now.get(id));
    // First those of the owner that lives: they were in its memory.
    await eventually(() => left().length < 16 || 'all are online still', noticedMs);
    const noticed = performance.now() - killed;
    await eventually(() => left().length === 1 || `${left().length} are online still`, reviewedMs);
    expect(noticed, 'the grace').to.be.greaterThan(1000);
    expect(performance.now() - killed, 'the time for announcements').to.be.greaterThan(noticed + 5000);
    expect(left(), 'who has a socket elsewhere').to.deep.equal([both]);
    expect(await shown(both, watching.tokens, two)).to.equal(true);
    expect(await shown(users[1] as User, watching.tokens, two)).to.equal(false);
  });

  it('outlives the node of the user actor: gateways tell the next owner', async () => {
    const [one, two] = gateways();
    const users = await people(16, one);
    const watching = await watcher(users, two);
    const [victim] = nodes('actors') as [Node];
    await victim.kill();
    await eventually(() => areOnline(users, watching.tokens, two).catch(String), noticedMs);
    expect(watching.all.filter((presence) => !presence.online)).to.deep.equal([]);
    // Who leaves now is missed: the next owner knows of his socket.
    const [first] = users as [User];
    clients.splice(0, 1)[0]?.close();
    await eventually(() => watching.now.get(first.id) === false, noticedMs);
  });

  it('moves with its shards to a node that joins', async () => {
    const [one, two] = gateways();
    const users = await people(16, one);
    const watching = await watcher(users, two);
    await cluster.add('actors');
    // About a third of 64 each.
    await spread(10);
    await eventually(() => areOnline(users, watching.tokens, two).catch(String), noticedMs);
    expect(watching.all.filter((presence) => !presence.online)).to.deep.equal([]);
  });

  it('comes back with a gateway that was paused for longer than heartbeats wait', async () => {
    const [one, two] = gateways();
    const users = await people(10, one);
    const watching = await watcher(users, two);
    await one.pause();
    await eventually(() => users.every(({ id }) => watching.now.get(id) === false), noticedMs);
    one.resume();
    await eventually(() => users.every(({ id }) => watching.now.get(id) === true), noticedMs);
    await eventually(() => areOnline(users, watching.tokens, two), noticedMs);
    expect(clients.slice(0, users.length).map(({ status }) => status)).to.deep.equal(
      users.map(() => 'ready'),
    );
  });

  it('logs no error in all of that', () => {
    expect(logged.filter((line) => /"level":"(error|fatal)/.test(line))).to.deep.equal([]);
  });
});
