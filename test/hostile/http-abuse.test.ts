import { expect } from 'chai';
import { useAbused } from './support/abused.ts';
import { memoryMargin } from './support/target.ts';
import { answersTo, expectNoServerError, head, openWire, statusesOf } from './support/wire.ts';

const host = ['Host', 'test'] as const;
const json = ['Content-Type', 'application/json'] as const;
const login = '/api/v1/auth/login';

describe('HTTP abuse', function () {
  this.timeout(60_000);
  const abused = useAbused();

  it('of slow heads, slow bodies and silence ends by itself', async () => {
    await abused.abuse(async () => {
      const starts = [
        '',
        'G',
        'GET / HTT',
        'GET /live HTTP/1.1\r\nHost: te',
        `GET /live HTTP/1.1\r\n${'X-A: b\r\n'.repeat(20)}`,
        head('POST', login, [host, json, ['Content-Length', '90']]),
        `${head('POST', login, [host, json, ['Content-Length', '90']])}{"a`,
        `${head('POST', login, [host, json, ['Transfer-Encoding', 'chunked']])}5\r\n{"a`,
        head('PATCH', '/me', [
          host,
          json,
          ['Authorization', `Bearer ${abused.user.token}`],
          ['Content-Length', '1000'],
        ]),
      ];
      const wires = starts.flatMap((start) =>
        Array.from({ length: 12 }, () => openWire(abused.target, start)),
      );
      // A byte now and then does not keep it open.
      const drip = setInterval(() => {
        for (const [at, wire] of wires.entries()) if (at % 2 === 0 && wire.text() === '') wire.send('a');
      }, 400);
      try {
        await Promise.all(wires.map((wire) => wire.gone(40_000)));
      } finally {
        clearInterval(drip);
        for (const wire of wires) wire.abort();
      }
      for (const wire of wires) expectNoServerError(wire.text(), 'slow');
    });
  });

  it('of too many or too large headers, or too long paths, is refused before it is a request', async () => {
    await abused.abuse(async () => {
      const cases = {
        'a header of 5 KiB': head('GET', '/live', [host, ['X-Big', 'x'.repeat(5 * 1024)]]),
        'a header of 1 MiB': head('GET', '/live', [host, ['X-Big', 'x'.repeat(1024 * 1024)]]),
        '200 headers': head('GET', '/live', [
          host,
          ...Array.from({ length: 200 }, (_, at) => [`X-${at}`, 'y'] as const),
        ]),
        '5,000 headers': head('GET', '/live', [
          host,
          ...Array.from({ length: 5000 }, (_, at) => [`X-${at}`, 'y'] as const),
        ]),
        'the same header 150 times': head('GET', '/live', [
          host,
          ...Array.from({ length: 150 }, () => ['Cookie', 'a=b'] as const),
        ]),
        'a path of 5 KiB': head('GET', `/${'x'.repeat(5 * 1024)}`, [host]),
        'a path of 1 MiB': head('GET', `/${'x'.repeat(1024 * 1024)}`, [host]),
        'a query of 5 KiB': head('GET', `/api/v1/users?search=${'x'.repeat(5 * 1024)}`, [host]),
      };
      for (const [what, bytes] of Object.entries(cases))
        for (let times = 0; times < 5; times++) {
          const text = await answersTo(abused.target, bytes);
          expectNoServerError(text, what);
          expect(
            statusesOf(text).filter((status) => status < 400),
            what,
          ).to.deep.equal([]);
        }
    });
  });

  it('that breaks off at every byte of a request, or before its answer, leaves nothing behind', async () => {
    const body = JSON.stringify({ username: abused.user.username, password: 'wrong password' });
    const whole = `${head('POST', login, [host, json, ['Content-Length', String(body.length)]])}${body}`;
    const get = head('GET', '/me', [host, ['Authorization', `Bearer ${abused.user.token}`]]);
    await abused.abuse(async () => {
      for (const [at, bytes] of [whole, get].entries())
        for (let length = 0; length <= bytes.length; length += at === 0 ? 1 : 4) {
          const wire = openWire(abused.target, bytes.slice(0, length));
          wire.socket.once('connect', () => setImmediate(wire.abort));
        }
      // Those whose answer has begun, and those that shut their side down in an orderly way.
      const answered = Array.from({ length: 100 }, () => openWire(abused.target, get));
      for (const wire of answered)
        void wire.until('a byte', (text) => text !== '').then(wire.abort, wire.abort);
      await Promise.all(answered.map((wire) => wire.gone()));
      for (let length = 0; length <= whole.length; length += 5)
        openWire(abused.target, whole.slice(0, length)).socket.end();
    });
  });

  it('of one who asks without end and never reads takes neither memory nor turns from others', async () => {
    const upgrade = [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Key', 'x'.repeat(24)],
    ] as const;
    const requests = [
      head('GET', '/nothing', [host]),
      head('GET', '/me', [host]),
      head('GET', '/live', [host]),
      head('OPTIONS', '/me', [host]),
      head('HEAD', '/nothing', [host]),
      head('DELETE', '/nothing', [host]),
      head('GET', '/ws', [host, ['Origin', 'https://evil.example'], ...upgrade]),
    ];
    await abused.abuse(async () => {
      for (const request of requests) {
        const reading = openWire(abused.target, request.repeat(10_000));
        await reading.gone();
        // Before a connection ends that does not wait for its answers it gets some hundred of them at most.
        expect(statusesOf(reading.text()).length, request).to.be.lessThan(1000);
        const deaf = openWire(abused.target);
        deaf.socket.pause();
        const batch = request.repeat(2000);
        for (let sent = 0; sent < 400 && !deaf.closed(); sent++) {
          deaf.send(batch);
          await deaf.sent();
        }
        expect(abused.target.memory(), request).to.be.lessThan(abused.baseline.memory + memoryMargin);
        deaf.abort();
      }
    });
  });
});
