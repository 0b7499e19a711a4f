import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { until } from '../../support/until.ts';
import { connectReady } from './clients.ts';
import { type RawConnection, raw, upgradeHead } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';

/** Frames of clients are masked; a mask of zeros leaves the text as it is. */
function clientFrame(frame: object): Buffer {
  const text = Buffer.from(JSON.stringify(frame));
  return Buffer.concat([Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 255, 0, 0, 0, 0]), text]);
}

describe('gateway: sockets that come and go', function () {
  this.timeout(240_000);

  const perRound = 250;
  let test: GatewayTest;
  let attached: number;

  beforeEach(async () => {
    // One socket more than this from our address is refused: so a count that leaks is noticed, too.
    test = await startGateway({ rates: { socketsPerIp: perRound + 1 } });
    attached = 0;
    test.services['chats.attach'] = async () => {
      attached++;
      return { chats: groups.map((id) => ({ id, member_seq: 1 })) };
    };
  });
  afterEach(() => test.stop());

  const groups = [newId(), newId(), newId()];
  const gauge = async (name: string) => {
    const text = await (await fetch(`${test.base}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
  };
  async function empty(): Promise<void> {
    for (const name of ['suhbat_connections', 'suhbat_fanout_subscriptions']) {
      let left = await gauge(name);
      for (const end = performance.now() + 30_000; left > 0; left = await gauge(name)) {
        if (performance.now() > end) throw new Error(`${name} stays at ${left}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
  /** The gauge is set once a second: a last connection makes sure that it is seen anew. */
  async function emptyButFor(subjectsHeld: number): Promise<void> {
    await empty();
    const last = await connectReady(test, newId());
    for (let held = 0; held === 0; held = await gauge('suhbat_fanout_subscriptions'))
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await gauge('suhbat_fanout_subscriptions')).to.equal(subjectsHeld);
    last.ws.close();
    await empty();
  }
  const tellings = (type: string) =>
    test.asked.flatMap(({ kind, commands }) =>
      kind === 'user' && commands[0]?.type === type ? [String(commands[0]?.connection)] : [],
    );

  it('leave nothing behind: 5,000 of them, ended in every way and at every moment', async () => {
    const ways: ((socket: RawConnection, user: string) => Promise<unknown>)[] = [
      // While its chats are looked up.
      async ({ socket }) => socket.destroy(),
      async ({ socket }) => socket.resetAndDestroy(),
      async ({ socket, has }) => has('"ready"').then(() => socket.destroy()),
      async ({ socket, has }) => has('"ready"').then(() => socket.resetAndDestroy()),
      // Closed properly, by the client.
      async ({ socket, has, gone }) => {
        await has('"ready"');
        socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
        await gone();
      },
      // With requests on their way, and users that it watches.
      async ({ socket, has }) => {
        await has('"ready"');
        socket.write(clientFrame({ id: 'w', type: 'presence.watch', user_ids: [newId(), newId()] }));
        await has('"re":"w"');
        const message = { type: 'message.send', client_id: newId(), kind: 'text', text: 'x' };
        for (const id of ['1', '2', '3']) socket.write(clientFrame({ id, ...message, chat_id: groups[0] }));
        socket.destroy();
      },
      // A new chat arrives just before the end.
      async ({ socket, has }, user) => {
        await has('"ready"');
        const id = newId();
        test.bus.publish(subjects.user(user), { frame: '{}', attach: id, chat: { id, member_seq: 1 } });
        socket.end();
      },
      // Closed by us.
      async ({ socket, has, gone }) => {
        await has('"ready"');
        socket.write(Buffer.from([0x82, 0x80, 0, 0, 0, 0]));
        await gone();
      },
    ];
    for (let opened = 0; opened < 5000; opened += perRound) {
      const users = Array.from({ length: perRound / 2 }, newId);
      const ends = Array.from({ length: perRound }, async (_, at) => {
        const user = users[at % users.length] ?? '';
        const connection = raw(test, upgradeHead('/ws', { Authorization: `Bearer ${test.token(user)}` }));
        await connection.has('101');
        await ways[at % ways.length]?.(connection, user);
      });
      await Promise.all(ends);
      await empty();
    }
    expect(attached).to.equal(5000);
    await until('every end to be told', () => tellings('disconnect').length === 5000);
    expect(new Set(tellings('disconnect'))).to.deep.equal(new Set(tellings('connect')));
    expect(test.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    await emptyButFor(1 + groups.length);
  });

  it('leave nothing behind when they went while their chats were looked up', async () => {
    const answers: (() => void)[] = [];
    test.services['chats.attach'] = () =>
      new Promise((resolve) => answers.push(() => resolve({ chats: [{ id: newId(), member_seq: 1 }] })));
    const sockets = Array.from({ length: 20 }, () =>
      raw(test, upgradeHead('/ws', { Authorization: `Bearer ${test.token(newId())}` })),
    );
    await until('every look-up', () => answers.length === 20);
    for (const { socket } of sockets) socket.destroy();
    await until('every end', () => tellings('disconnect').length === 20);
    for (const answer of answers) answer();
    test.services['chats.attach'] = () => ({ chats: [] });
    await emptyButFor(1);
  });
});
