import { expect } from 'chai';
import { type Client, ClientError, type Message } from 'suhbat/client';
import { type Change, createIdentities, createRecorder, wholeHistory } from '../../support/recorder.ts';
import { chatId, message, serveHistory, useScene } from './scene.ts';

const written = (seq: number, more: Partial<Message> = {}) =>
  message(seq, seq, { client_id: `id ${seq}`, ...more });
const change = (what: Change['what'], value: string | null): Omit<Change, 'end'> => ({
  chat_id: chatId,
  target: 2,
  user_id: 'boris',
  what,
  value,
});

describe('a recorder', () => {
  const scene = useScene();

  it('writes down what its client sends, is told and receives', async () => {
    const { client, peer } = await scene.connected();
    let at = 0;
    const recorder = createRecorder(client, 'anna', { now: () => ++at });
    scene.server.answer('message.send', ({ client_id }) => {
      peer.send('message.new', message(1, 1, { client_id }));
      return { chat_id: chatId, seq: 1, created_at: '2026-01-01T00:00:00.000Z' };
    });
    const outcome = await recorder.send(chatId, 'hello');
    expect(outcome).to.include({ type: 'ok', seq: 1 });
    const { client_id } = outcome;
    expect(recorder.records.map(({ type }) => type)).to.deep.equal(['invoke', 'ok']);
    expect(recorder.records.map((one) => one.at)).to.deep.equal([1, 2]);
    const received = () => recorder.deliveries.get(chatId)?.received.map((one) => one.client_id);
    expect(received()).to.deep.equal([client_id]);
    expect(recorder.seen(chatId)).to.equal(1);
    recorder.stop();
    peer.send('message.new', message(2));
    await client.request('ping', {});
    expect(received()).to.have.length(1);
  });

  it('writes down what its client changes, and how that ended', async () => {
    const { client } = await scene.connected();
    const recorder = createRecorder(client, 'anna');
    for (const type of ['message.edit', 'reaction.set'] as const)
      scene.server.answer(type, () => ({ seq: 9 }));
    await recorder.change(change('text', 'x'));
    await recorder.change(change('reaction', 'x'));
    client.close();
    await recorder.change(change('reaction', null));
    expect(recorder.changes.map(({ what, end }) => [what, end])).to.deep.equal([
      ['text', 'ok'],
      ['reaction', 'ok'],
      ['reaction', 'fail'],
    ]);
  });

  it('tells what was refused from what is unknown', async () => {
    const codes = { forbidden: 'fail', timeout: 'unknown', internal: 'unknown', unavailable: 'fail' };
    for (const [code, type] of Object.entries(codes)) {
      const client = {
        on: () => () => {},
        newId: () => 'id',
        send: () => Promise.reject(new ClientError({ code })),
      } as unknown as Client;
      const recorder = createRecorder(client, 'anna');
      expect((await recorder.send(chatId, 'hello')).type).to.equal(type);
      expect(recorder.records[1]).to.include({ type, code, client_id: 'id' });
    }
  });

  it('keeps one object of a message that many are delivered, and another one of whatever differs', () => {
    const identities = createIdentities();
    const [first, again] = [identities(written(1)), identities(written(1, { text: 'edited' }))];
    expect(again).to.equal(first);
    const others = [written(1, { client_id: 'id 2' }), written(1, { sender_id: 'x' }), written(2)];
    expect(others.map(identities).map(({ seq, client_id }) => [seq, client_id])).to.deep.equal([
      [1, 'id 2'],
      [1, 'id 1'],
      [2, 'id 2'],
    ]);
    expect(identities(written(1))).to.equal(first);
  });

  it('reads a whole history, page by page', async () => {
    const all = [message(1), message(2, 6), message(3), message(4), message(5)];
    serveHistory(scene.server, () => all, { size: 2 });
    const { client } = await scene.connected();
    expect(await wholeHistory(client, chatId)).to.deep.equal(all);
  });
});
