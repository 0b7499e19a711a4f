import type { Socket } from 'node:net';
import { expect } from 'chai';
import type { Envelope } from '../../../ops/bus/bus.ts';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { heard, texts } from './clients.ts';
import { raw, upgradeHead } from './raw.ts';
import { type GatewayTest, startGateway } from './support.ts';
import { serveChats, TestChat } from './test-chat.ts';

describe('gateway: slow sockets', () => {
  let group: TestChat;
  let test: GatewayTest;

  beforeEach(async () => {
    group = new TestChat();
    test = await startGateway({ settings: { maxBackpressure: 64 * 1024 } });
    serveChats(test, [group]);
  });
  afterEach(() => test.stop());

  const publish = (text: string, seq: number, more?: Partial<Envelope['chat']>) =>
    test.bus.publish(subjects.chat(group.id), group.message(text, seq, more));

  /** The socket of a member who reads nothing after he was told that he is ready. */
  async function deaf(): Promise<Socket> {
    const user = newId();
    group.members.add(user);
    const { socket, has } = raw(test, upgradeHead('/ws', { Authorization: `Bearer ${test.token(user)}` }));
    await has('"ready"');
    return socket.pause();
  }

  it('closes a client that never reads, and serves the others', async () => {
    const socket = await deaf();
    const { client } = await group.member(test);
    const open = () => test.metrics.connections.get().then(({ values }) => values[0]?.value);
    const big = 'x'.repeat(32 * 1024);
    let seq = 3;
    while ((await open()) === 2) {
      publish(`${++seq} ${big}`, seq);
      await heard(client, `${seq} ${big}`);
    }
    publish('last', ++seq);
    await heard(client, 'last');
    expect(texts(client).length).to.equal(seq - 3);
    const { values } = await test.metrics.connectionsClosed.get();
    expect(values.map(({ labels, value }) => [labels.code, value])).to.deep.equal([['4008', 1]]);
    socket.destroy();
  });

  it('never queues a droppable frame for a slow socket', async () => {
    const socket = await deaf();
    const { client } = await group.member(test);
    const dropped = () => test.metrics.fanoutDropped.get().then(({ values }) => values[0]?.value);
    const big = 'x'.repeat(16 * 1024);
    for (let seq = 4; (await dropped()) === 0; seq++) {
      publish(`${seq} ${big}`, seq);
      await heard(client, `${seq} ${big}`);
      test.bus.publish(subjects.chat(group.id), {
        ...group.message(`typing ${seq}`, 0),
        droppable: true,
        chat: { id: group.id, member_seq: group.memberSeq },
      });
      await heard(client, `typing ${seq}`);
    }
    socket.destroy();
  });
});
