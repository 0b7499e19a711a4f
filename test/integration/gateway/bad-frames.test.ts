import { expect } from 'chai';
import { systemClock } from '../../../ops/process/clock.ts';
import { newId } from '../../../schemas/ids.ts';
import { until } from '../../support/until.ts';
import { type Client, connectReady, messageFrame } from './clients.ts';
import { raw, upgradeHead } from './raw.ts';
import { chatAsks, type GatewayTest, startGateway } from './support.ts';

describe('gateway: frames that are none', () => {
  const me = newId();
  const chat = newId();
  let test: GatewayTest;
  let client: Client;

  beforeEach(async () => {
    test = await startGateway();
    client = await connectReady(test, me);
    test.asked.length = 0;
  });
  afterEach(() => test.stop());

  it('closes with 4002 after ten requests without an id, having answered each', async () => {
    const bad = ['nonsense', '[]', 'null', '"x"', '{}', '{"id":""}', '{"id":7,"type":"ping"}'];
    for (const text of [...bad, `{"id":"${'x'.repeat(65)}","type":"ping"}`, '1', '{"type":"ping"}'])
      client.send(text);
    expect((await client.end()).code).to.equal(4002);
    const errors = client.frames.filter(({ type }) => type === 'error');
    expect(errors.length).to.equal(10);
    for (const error of errors) expect(error).to.include({ code: 'invalid' }).and.not.have.property('re');
  });

  it('closes with 4002 after a binary frame', async () => {
    client.ws.send(new Uint8Array([1, 2, 3]));
    expect((await client.end()).code).to.equal(4002);
  });

  it('closes with 4013 after a frame of 64 to 256 KiB; beyond that the socket just ends', async () => {
    const fits = { id: '1', type: 'auth', token: 'x'.repeat(65_536 - 50) };
    expect(await client.request(fits)).to.include({ code: 'invalid' });
    client.send('x'.repeat(65_537));
    expect((await client.end()).code).to.equal(4013);
    const other = await connectReady(test, me);
    other.send('x'.repeat(300_000));
    expect((await other.end()).code).to.equal(1006);
  });

  it('ends a socket that sends bad UTF-8', async () => {
    const socket = raw(test, upgradeHead('/ws'));
    await socket.has('101');
    socket.socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]));
    await socket.gone();
  });

  it('refuses U+0000 and lone surrogates, naming the request', async () => {
    const edit = (id: string, text: string) =>
      `{"id":"${id}","type":"message.edit","chat_id":"${chat}","target":1,"text":"${text}"}`;
    client.send(edit('1', 'a\\u0000'));
    client.send(edit('2', '\\ud800'));
    client.send(edit('3', '\\ud83d\\ude00'));
    expect(await client.reply('1')).to.include({ code: 'invalid', reason: 'bad_text' });
    expect(await client.reply('2')).to.include({ code: 'invalid', reason: 'bad_text' });
    expect(await client.reply('3')).to.include({ type: 'ok' });
    expect(chatAsks(test)[0]?.commands[0]).to.include({ text: '\u{1f600}' });
  });
});

describe('gateway: limits of a connection', () => {
  let test: GatewayTest;
  afterEach(() => test.stop());

  it('refuses what is over the rate, saying when to come back', async () => {
    test = await startGateway({
      clock: { ...systemClock, monotonic: () => 0 },
      rates: { frames: { amount: 30, perMs: 1000, burst: 60 } },
    });
    const client = await connectReady(test, newId());
    for (let at = 0; at < 200; at++) client.send({ id: String(at), type: 'ping' });
    await client.reply('199');
    const refused = client.frames.filter(({ code }) => code === 'rate_limited');
    expect(refused.length).to.equal(140);
    expect(refused[0]).to.include({ retryable: true }).and.property('retry_after_ms').within(1, 40);
    expect(client.frames.filter(({ re }) => re !== undefined).length).to.equal(200);
  });

  describe('who stays over it', () => {
    /** The gateway's clock, which stands still but for the tests. */
    let now: number;
    let client: Client;
    let sent: number;
    beforeEach(async () => {
      now = 0;
      sent = 0;
      test = await startGateway({
        clock: { ...systemClock, monotonic: () => now },
        rates: { frames: { amount: 10, perMs: 1000, burst: 10 } },
      });
      client = await connectReady(test, newId());
    });

    /** Sends so many at once; comes back when all were answered, or the connection has been closed. */
    async function ask(times: number): Promise<void> {
      const last = String(sent + times - 1);
      for (let n = 0; n < times; n++) client.send({ id: String(sent++), type: 'ping' });
      await until('the last', () => client.closed ?? client.frames.some(({ re }) => re === last));
    }

    it('for ten seconds is closed with 4009', async () => {
      for (; now < 10_000; now += 500) {
        await ask(20);
        expect(client.closed, `after ${now} ms`).to.equal(undefined);
      }
      await ask(20);
      expect((await client.end()).code).to.equal(4009);
    });

    it('but pauses for more than a second now and then, is not', async () => {
      for (; now < 30_000; now += 1100) await ask(20);
      expect(await client.request({ id: 'still here', type: 'ping' })).to.include({ type: 'ok' });
    });

    it('with a thousand frames is closed with 4009 at once', async () => {
      await ask(1010);
      expect(client.closed).to.equal(undefined);
      await ask(1);
      expect((await client.end()).code).to.equal(4009);
    });
  });

  it('shares the rate of messages between the sockets of a login', async () => {
    test = await startGateway({ rates: { messages: { amount: 3, perMs: 60_000, burst: 3 } } });
    const [user, login] = [newId(), newId()];
    const clients = [await connectReady(test, user, login), await connectReady(test, user, login)];
    const other = await connectReady(test, user);
    const codes = [];
    const message = (id: string) => messageFrame(id, { chat_id: newId() });
    for (let at = 0; at < 6; at++) {
      const reply = await clients[at % 2]?.request(message(String(at)));
      codes.push(reply?.code ?? 'ok');
    }
    expect(codes).to.deep.equal(['ok', 'ok', 'ok', 'rate_limited', 'rate_limited', 'rate_limited']);
    expect(await other.request(message('x'))).to.include({ type: 'ok' });
  });
});
