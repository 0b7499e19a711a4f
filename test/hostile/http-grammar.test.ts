import { expect } from 'chai';
import { useAbused } from './support/abused.ts';
import { answersTo, expectNoServerError, head, openWire, settled, statusesOf } from './support/wire.ts';

const host = ['Host', 'test'] as const;
const json = ['Content-Type', 'application/json'] as const;
const login = '/api/v1/auth/login';

/**
 * How uWebSockets ends what it does not like, with a 4xx or without a word, is its own matter; here is held that it never
 * answers what was not asked, and never with a 5xx.
 */
describe('HTTP that is none', function () {
  this.timeout(60_000);
  const abused = useAbused();

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
    await abused.abuse(async () => {
      for (const [what, headers] of Object.entries(ambiguous))
        for (const path of [login, '/presence/ping', '/nothing'])
          for (const body of ['{}', '2\r\n{}\r\n0\r\n\r\n', '0\r\n\r\n']) {
            const text = await answersTo(
              abused.target,
              `${head('POST', path, [host, json, ...headers])}${body}${smuggled}`,
            );
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
    expect(await answersTo(abused.target, `${two}{}${smuggled}`)).to.not.include('smuggled');

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
    await abused.abuse(async () => {
      for (const [at, body] of bodies.entries()) {
        const start = head('POST', login, [host, json, ['Transfer-Encoding', 'chunked']]);
        const wire = openWire(abused.target, start, body);
        await settled(abused.target, wire);
        expectNoServerError(wire.text(), `body ${at}`);
        expect(statusesOf(wire.text()).filter((status) => status < 400)).to.deep.equal([]);
        wire.abort();
      }
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
    await abused.abuse(async () => {
      for (const line of lines)
        for (const rest of line === lines[0] || line.startsWith('GET /nothing HTTP/1')
          ? heads
          : heads.slice(0, 2)) {
          const text = await answersTo(abused.target, Buffer.from(`${line}\r\n${rest}\r\n`, 'latin1'));
          expectNoServerError(text, line);
          const taken = statusesOf(text).filter((status) => status < 400);
          expect(taken, `${line} ${JSON.stringify(rest)}: ${text.slice(0, 200)}`).to.deep.equal([]);
        }
    });
  });

  it('of bytes that are no HTTP at all is ended', async () => {
    const random = (size: number, from: number) =>
      Buffer.from(Array.from({ length: size }, (_, at) => (at * 7919 + from * 104_729) % 256));
    const starts = [
      Buffer.from('16030100c8010000c40303', 'hex'),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
      Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
      Buffer.alloc(100_000),
      Buffer.alloc(100_000, '\r\n'),
      Buffer.alloc(100_000, '\n'),
      ...Array.from({ length: 60 }, (_, at) => random(10 + at * 50, at)),
    ];
    await abused.abuse(async () => {
      for (const bytes of starts) {
        const wire = openWire(abused.target, bytes);
        expectNoServerError(await settled(abused.target, wire), bytes.subarray(0, 20).toString('hex'));
        wire.abort();
      }
    });
  });

  it('of header values that are no text is answered as if they were, or ended', async () => {
    const names = ['User-Agent', 'X-Request-Id', 'Authorization', 'Origin', 'Content-Type', 'If-None-Match'];
    const noText = Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x7f]);
    const control = Buffer.from([0x61, 0x00, 0x01, 0x0b]);
    const body = JSON.stringify({ username: abused.user.username, password: abused.user.password });
    const request = (name: string, value: Buffer) => {
      const type = name === 'Content-Type' ? [] : [json];
      const start = head('POST', login, [host, ['Content-Length', String(body.length)], ...type]);
      return Buffer.concat([
        Buffer.from(`${start.slice(0, -2)}${name}: `),
        value,
        Buffer.from(`\r\n\r\n${body}`),
      ]);
    };
    await abused.abuse(async () => {
      for (const name of names) {
        const wire = openWire(abused.target, request(name, noText));
        const text = await wire.until('the answer', (all) => all.includes('\r\n\r\n'));
        expect(statusesOf(text), name).to.deep.equal([name === 'Content-Type' ? 415 : 200]);
        wire.abort();
        expect(statusesOf(await answersTo(abused.target, request(name, control))), name).to.deep.equal([]);
      }
    });
  });

  it('of pipelined requests gets their answers in order, or its end', async () => {
    await abused.abuse(async () => {
      const numbered = Array.from({ length: 200 }, (_, at) =>
        head('GET', '/nothing', [host, ['X-Request-Id', `p-${at}`]]),
      ).join('');
      const wire = openWire(abused.target, numbered);
      const text = await wire.until(
        'all answers or the end',
        (all) => wire.closed() || all.includes('"p-199"'),
      );
      const ids = [...text.matchAll(/"request_id":"p-(\d+)"/g)].map(([, at]) => Number(at));
      expect(ids).to.deep.equal(ids.map((_, at) => at));
      wire.abort();
      // Requests that have to wait: whoever sends the next too early is ended, and gets nobody else's answer.
      const mine = head('GET', '/me', [host, ['Authorization', `Bearer ${abused.user.token}`]]);
      const mixed = openWire(
        abused.target,
        mine,
        mine,
        head('GET', '/nothing', [host, ['X-Request-Id', 'last']]),
      );
      await mixed.until('an answer or the end', (all) => mixed.closed() || all.includes('"last"'));
      const order = [...mixed.text().matchAll(/"last"|"email"/g)].map(([found]) => found);
      expect(order.indexOf('"last"') === -1 || order.length === 3, order.join()).to.equal(true);
      mixed.abort();
    });
  });
});
