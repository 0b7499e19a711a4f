import { expect } from 'chai';
import { amongCitizens } from './support/citizens.ts';
import { newUser, type User } from './support/people.ts';
import { type Baseline, baselineOf, expectRecovered, startTarget, type Target } from './support/target.ts';
import { head, openWire, statusesOf, type Wire } from './support/wire.ts';

const host = ['Host', 'test'] as const;
const json = ['Content-Type', 'application/json'] as const;
const login = '/api/v1/auth/login';

/**
 * Whatever a connection does, nobody else feels it: two citizens talk all along, and afterwards nothing of
 * the abuse is left in the process. How uWebSockets ends what it does not like, with a 4xx or without a
 * word, is its own matter; here is held that it never answers what was not asked, and never with a 5xx.
 */
describe('HTTP abuse', function () {
  this.timeout(60_000);
  let target: Target;
  let user: User;
  let baseline: Baseline;

  before(async () => {
    target = await startTarget();
    user = await newUser(target);
    // Warm: what the first conversation loads is no leak.
    await amongCitizens(target, async () => {});
    baseline = await baselineOf(target);
  });
  after(() => target?.end());

  /** Runs the abuse among citizens, and waits until nothing of it is left. */
  async function abuse(run: () => Promise<void>): Promise<void> {
    await amongCitizens(target, run);
    await expectRecovered(target, baseline);
  }

  /** What the program says to this, if anything: with half a request it waits for the rest. */
  async function answersTo(...parts: (string | Uint8Array)[]): Promise<string> {
    const wire = openWire(target, ...parts);
    const text = await settled(wire);
    wire.abort();
    return text;
  }

  /** What has come when later requests on another connection are answered: the program had its turn. */
  async function settled(wire: Wire): Promise<string> {
    await wire.sent();
    for (let round = 0; round < 5 || (round < 15 && wire.text() === '' && !wire.closed()); round++)
      await (await fetch(`${target.url}/live`)).text();
    return wire.text();
  }

  function expectNoServerError(text: string, what: string): void {
    const statuses = statusesOf(text);
    // 505 is uWebSockets' word for another version than HTTP/1.1.
    expect(
      statuses.filter((status) => status >= 500 && status !== 505),
      `${what}: ${text.slice(0, 300)}`,
    ).to.deep.equal([]);
  }

  it('of slow heads, slow bodies and silence ends by itself', async () => {
    await abuse(async () => {
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
          ['Authorization', `Bearer ${user.token}`],
          ['Content-Length', '1000'],
        ]),
      ];
      const wires = starts.flatMap((start) => Array.from({ length: 12 }, () => openWire(target, start)));
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
    await abuse(async () => {
      const cases = {
        'a header of 5 KiB': head('GET', '/live', [host, ['X-Big', 'x'.repeat(5 * 1024)]]),
        'a header of 1 MiB': head('GET', '/live', [host, ['X-Big', 'x'.repeat(1024 * 1024)]]),
        '200 headers': head('GET', '/live', [host, ...many(200, (at) => [`X-${at}`, 'y'] as const)]),
        '5,000 headers': head('GET', '/live', [host, ...many(5000, (at) => [`X-${at}`, 'y'] as const)]),
        'the same header 150 times': head('GET', '/live', [
          host,
          ...many(150, () => ['Cookie', 'a=b'] as const),
        ]),
        'a path of 5 KiB': head('GET', `/${'x'.repeat(5 * 1024)}`, [host]),
        'a path of 1 MiB': head('GET', `/${'x'.repeat(1024 * 1024)}`, [host]),
        'a query of 5 KiB': head('GET', `/api/v1/users?search=${'x'.repeat(5 * 1024)}`, [host]),
      };
      for (const [what, bytes] of Object.entries(cases))
        for (let times = 0; times < 5; times++) {
          const text = await answersTo(bytes);
          expectNoServerError(text, what);
          expect(
            statusesOf(text).filter((status) => status < 400),
            what,
          ).to.deep.equal([]);
        }
    });
  });

  it('of two lengths, or of a length and chunks, never smuggles a request in', async () => {
    const smuggled = head('GET', '/live', [host, ['X-Request-Id', 'smuggled']]);
    const length = (value: string) => ['Content-Length', value] as const;
    const coding = (value: string) => ['Transfer-Encoding', value] as const;
    const ambiguous = {
      'two lengths': [length('2'), length('60')],
      'two lengths, the first too long': [length('60'), length('2')],
      'a list of lengths': [length('2, 60')],
      'a length with a sign': [length('+2')],
      'a negative length': [length('-1')],
      'a length in hex': [length('0x2')],
      'a length that is no number': [length('two')],
      'a length that overflows': [length('18446744073709551618')],
      'an empty length': [length('')],
      'a length and chunks': [length('2'), coding('chunked')],
      'chunks and a length': [coding('chunked'), length('2')],
      'chunks by another name': [coding('xchunked'), length('2')],
      'chunks twice': [coding('chunked'), coding('chunked')],
      'chunks, then nothing': [coding('chunked, identity')],
      'chunks with a tab': [coding('\tchunked'), length('2')],
      'chunks with a case': [coding('cHuNkEd'), length('2')],
    };
    await abuse(async () => {
      for (const [what, headers] of Object.entries(ambiguous))
        for (const path of [login, '/presence/ping', '/nothing'])
          for (const body of ['{}', '2\r\n{}\r\n0\r\n\r\n', '0\r\n\r\n']) {
            const text = await answersTo(`${head('POST', path, [host, json, ...headers])}${body}${smuggled}`);
            expectNoServerError(text, what);
            if (!isHonest(headers, body))
              expect(text, `${what}, ${path}, ${JSON.stringify(body)}`).to.not.include('smuggled');
          }
    });

    const upgrade = [
      host,
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Origin', 'https://evil.example'],
    ] as const;
    const two = head('GET', '/ws', [
      ...upgrade,
      ['Sec-WebSocket-Key', 'x'.repeat(24)],
      length('2'),
      length('60'),
    ]);
    expect(await answersTo(`${two}{}${smuggled}`)).to.not.include('smuggled');

    /** Where the head says one thing only and the body keeps to it, what follows is a request of its own. */
    function isHonest(headers: readonly (readonly [string, string])[], body: string): boolean {
      const [first] = headers;
      return headers.length === 1 && first?.[0] === 'Content-Length' && first[1] === String(body.length);
    }
  });

  it('of broken chunks ends, or is refused, and is never taken for a whole body', async () => {
    const bodies = [
      'ffffffffffffffff\r\n{}\r\n0\r\n\r\n',
      '10000000000000002\r\n{}\r\n0\r\n\r\n',
      '-2\r\n{}\r\n0\r\n\r\n',
      'xyz\r\n{}\r\n0\r\n\r\n',
      '2{}\r\n0\r\n\r\n',
      '2\n{}\n0\n\n',
      '2\r\n{}}}}}\r\n0\r\n\r\n',
      `2;${'x'.repeat(100_000)}\r\n{}\r\n0\r\n\r\n`,
      `${'0'.repeat(1000)}2\r\n{}\r\n0\r\n\r\n`,
      '\r\n\r\n',
      '2\r\n{}\r\n0\r\nX-Trailer: y\r\n\r\n',
      '1\r\n{\r\n'.repeat(50_000),
    ];
    await abuse(async () => {
      for (const [at, body] of bodies.entries()) {
        const start = head('POST', login, [host, json, ['Transfer-Encoding', 'chunked']]);
        const wire = openWire(target, start, body);
        await settled(wire);
        expectNoServerError(wire.text(), `body ${at}`);
        expect(statusesOf(wire.text()).filter((status) => status < 400)).to.deep.equal([]);
        wire.abort();
      }
    });
  });

  it('that breaks off at every byte of a request, or before its answer, leaves nothing behind', async () => {
    const body = JSON.stringify({ username: user.username, password: 'wrong password' });
    const whole = `${head('POST', login, [host, json, ['Content-Length', String(body.length)]])}${body}`;
    const get = head('GET', '/me', [host, ['Authorization', `Bearer ${user.token}`]]);
    await abuse(async () => {
      for (const [at, bytes] of [whole, get].entries())
        for (let length = 0; length <= bytes.length; length += at === 0 ? 1 : 4) {
          const wire = openWire(target, bytes.slice(0, length));
          wire.socket.once('connect', () => setImmediate(wire.abort));
        }
      // Those whose answer has begun, and those that shut their side down in an orderly way.
      const answered = many(100, () => openWire(target, get));
      for (const wire of answered)
        void wire.until('a byte', (text) => text !== '').then(wire.abort, wire.abort);
      await Promise.all(answered.map((wire) => wire.gone()));
      for (let length = 0; length <= whole.length; length += 5)
        openWire(target, whole.slice(0, length)).socket.end();
    });
  });

  it('of a method, target or version that nobody speaks is refused', async () => {
    const lines = [
      'GET http://evil.example/live HTTP/1.1',
      'GET https://evil.example:443/me HTTP/1.1',
      'GET //evil.example/live HTTP/1.1',
      'GET /../../etc/passwd HTTP/1.1',
      'GET /assets/../../package.json HTTP/1.1',
      'GET /assets/..%2f..%2fpackage.json HTTP/1.1',
      'GET /assets/%2e%2e/%2e%2e/package.json HTTP/1.1',
      'GET /assets/..\\..\\package.json HTTP/1.1',
      'GET /api/v1/users/%zz HTTP/1.1',
      'GET /api/v1/users/%ff%fe HTTP/1.1',
      'GET /api/v1/users/%00 HTTP/1.1',
      'GET /api/v1/users/%ed%a0%80 HTTP/1.1',
      'GET /api/v1/users/\xff\xfe HTTP/1.1',
      'GET /\x00 HTTP/1.1',
      'GET * HTTP/1.1',
      'OPTIONS * HTTP/1.1',
      'CONNECT evil.example:443 HTTP/1.1',
      'TRACE /live HTTP/1.1',
      'PRI * HTTP/2.0',
      'get /live HTTP/1.1',
      'G\x00T /live HTTP/1.1',
      'PROPFIND /me HTTP/1.1',
      `${'A'.repeat(5000)} / HTTP/1.1`,
      'GET /nothing?a=b#c HTTP/1.1',
      'GET /nothing HTTP/1.0',
      'GET /nothing HTTP/0.9',
      'GET /nothing HTTP/9.9',
      'GET /nothing',
      'GET  /nothing  HTTP/1.1',
      ' GET /nothing HTTP/1.1',
      'GET',
      '',
    ];
    const heads = [
      'Host: test\r\n',
      '',
      'Host: a\r\nHost: b\r\n',
      'Host: \x00\r\n',
      'Host : test\r\n',
      ' folded\r\n',
      ': x\r\n',
      'X\r\n',
    ];
    await abuse(async () => {
      for (const line of lines)
        for (const rest of line === lines[0] || line.startsWith('GET /nothing HTTP/1')
          ? heads
          : heads.slice(0, 2)) {
          const text = await answersTo(Buffer.from(`${line}\r\n${rest}\r\n`, 'latin1'));
          expectNoServerError(text, line);
          const taken = statusesOf(text).filter((status) => status < 400);
          expect(taken, `${line} ${JSON.stringify(rest)}: ${text.slice(0, 200)}`).to.deep.equal([]);
        }
    });
  });

  it('of bytes that are no HTTP at all is ended', async () => {
    const random = (size: number, from: number) =>
      Buffer.from(many(size, (at) => (at * 7919 + from * 104_729) % 256));
    const starts = [
      Buffer.from('16030100c8010000c40303', 'hex'),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
      Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
      Buffer.alloc(100_000),
      Buffer.alloc(100_000, '\r\n'),
      Buffer.alloc(100_000, '\n'),
      ...many(60, (at) => random(10 + at * 50, at)),
    ];
    await abuse(async () => {
      for (const bytes of starts) {
        const wire = openWire(target, bytes);
        expectNoServerError(await settled(wire), bytes.subarray(0, 20).toString('hex'));
        wire.abort();
      }
    });
  });

  it('of header values that are no text is answered as if they were, or ended', async () => {
    const names = ['User-Agent', 'X-Request-Id', 'Authorization', 'Origin', 'Content-Type', 'If-None-Match'];
    const noText = Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x7f]);
    const control = Buffer.from([0x61, 0x00, 0x01, 0x0b]);
    const body = JSON.stringify({ username: user.username, password: user.password });
    const request = (name: string, value: Buffer) => {
      const type = name === 'Content-Type' ? [] : [json];
      const start = head('POST', login, [host, ['Content-Length', String(body.length)], ...type]);
      return Buffer.concat([
        Buffer.from(`${start.slice(0, -2)}${name}: `),
        value,
        Buffer.from(`\r\n\r\n${body}`),
      ]);
    };
    await abuse(async () => {
      for (const name of names) {
        const wire = openWire(target, request(name, noText));
        const text = await wire.until('the answer', (all) => all.includes('\r\n\r\n'));
        expect(statusesOf(text), name).to.deep.equal([name === 'Content-Type' ? 415 : 200]);
        wire.abort();
        expect(statusesOf(await answersTo(request(name, control))), name).to.deep.equal([]);
      }
    });
  });

  it('of pipelined requests gets their answers in order, or its end', async () => {
    await abuse(async () => {
      const numbered = many(200, (at) => head('GET', '/nothing', [host, ['X-Request-Id', `p-${at}`]])).join(
        '',
      );
      const wire = openWire(target, numbered);
      const text = await wire.until(
        'all answers or the end',
        (all) => wire.closed() || all.includes('"p-199"'),
      );
      const ids = [...text.matchAll(/"request_id":"p-(\d+)"/g)].map(([, at]) => Number(at));
      expect(ids).to.deep.equal(ids.map((_, at) => at));
      wire.abort();
      // Requests that have to wait: whoever sends the next too early is ended, and gets nobody else's answer.
      const mine = head('GET', '/me', [host, ['Authorization', `Bearer ${user.token}`]]);
      const mixed = openWire(target, mine, mine, head('GET', '/nothing', [host, ['X-Request-Id', 'last']]));
      await mixed.until('an answer or the end', (all) => mixed.closed() || all.includes('"last"'));
      const order = [...mixed.text().matchAll(/"last"|"email"/g)].map(([found]) => found);
      expect(order.indexOf('"last"') === -1 || order.length === 3, order.join()).to.equal(true);
      mixed.abort();
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
    await abuse(async () => {
      for (const request of requests) {
        const reading = openWire(target, request.repeat(10_000));
        await reading.gone();
        // Before a connection ends that does not wait for its answers it gets some hundred of them at most.
        expect(statusesOf(reading.text()).length, request).to.be.lessThan(1000);
        const deaf = openWire(target);
        deaf.socket.pause();
        const batch = request.repeat(2000);
        for (let sent = 0; sent < 100 && !deaf.closed(); sent++) {
          deaf.send(batch);
          await deaf.sent();
        }
        expect(target.memory(), request).to.be.lessThan(baseline.memory + 100 * 1024 * 1024);
        deaf.abort();
      }
    });
  });
});

function many<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}
