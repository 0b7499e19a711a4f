import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { until } from '../../support/until.ts';
import { raw } from './raw.ts';
import { problem, useThings } from './things.ts';

describe('gateway: connections of REST', () => {
  const things = useThings();
  const { seen, waiting, post } = things;

  it('answers HEAD wherever GET works, without a body, and keeps the connection usable', async () => {
    const connection = raw(things.gateway, 'HEAD /things/a HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await connection.has('\r\n\r\n');
    expect(head).to.match(/^HTTP\/1\.1 200 OK/);
    expect(head).to.match(/Content-Length: [1-9]\d*\r\n/);
    connection.socket.write('GET /things/b HTTP/1.1\r\nHost: x\r\n\r\n');
    const both = await connection.has('{"params":{"id":"b"}');
    expect(both).to.not.include('{"params":{"id":"a"}');
    connection.socket.destroy();
    expect((await fetch(`${things.gateway.base}/refused`, { method: 'HEAD' })).status).to.equal(409);
    expect((await fetch(`${things.gateway.base}/nothing`, { method: 'HEAD' })).status).to.equal(404);
    expect((await fetch(`${things.gateway.base}/things`, { method: 'HEAD' })).status).to.equal(405);
  });

  it('answers 204 without a body and without a length', async () => {
    const connection = raw(things.gateway, 'DELETE /mine HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await connection.has('\r\n\r\n'))
      .to.include('204 No Content')
      .and.not.match(/content-length/i);
    connection.socket.write('GET /live HTTP/1.1\r\nHost: x\r\n\r\n');
    await connection.has('200 OK');
    connection.socket.destroy();
  });

  it('takes a good body, also in chunks and with ids in upper case', async () => {
    const id = newId();
    const body = JSON.stringify({ name: 'ü', other_id: id.toUpperCase() });
    const type = 'application/json; charset=utf-8';
    expect((await post('/things', body, { 'content-type': type })).status).to.equal(200);
    const half = Buffer.from(body);
    const connection = raw(
      things.gateway,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      `5\r\n${half.subarray(0, 5).toString('latin1')}\r\n`,
    );
    const rest = half.subarray(5);
    connection.socket.write(Buffer.concat([Buffer.from(`${rest.length.toString(16)}\r\n`), rest]));
    connection.socket.write('\r\n0\r\n\r\n');
    await connection.has('200 OK');
    connection.socket.destroy();
    for (const { body: got } of seen) expect(got).to.deep.equal({ name: 'ü', other_id: id });
    expect(seen.length).to.equal(2);
  });

  it('keeps whoever has sent a file while it is put away, however long that takes', async function () {
    this.timeout(60_000);
    const body = Buffer.alloc(3 * 1024 * 1024, 'x');
    const connections = Array.from({ length: 6 }, () =>
      raw(things.gateway, `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`, body),
    );
    await eventually(() => waiting.length === connections.length);
    // uWebSockets ends what it takes for idle after 8 to 12.
    await pause(13_000);
    for (const answer of waiting) answer({ status: 200, body: { kept: true } });
    for (const connection of connections) {
      await connection.has('{"kept":true}');
      connection.socket.write('GET /things/b HTTP/1.1\r\nHost: x\r\n\r\n');
      await connection.has('{"params":{"id":"b"}');
      connection.socket.destroy();
    }
  });

  it('refuses a body over 1 MiB with 413, announced or not, and ends the connection', async () => {
    const response = await post('/things', 'x'.repeat(1024 * 1024 + 1));
    expect(response.status).to.equal(413);
    expect((await problem(response)).code).to.equal('too_large');
    const connection = raw(
      things.gateway,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    for (let sent = 0; sent < 18; sent++) connection.socket.write(chunk);
    expect(await connection.gone()).to.include('413 Payload Too Large');
    expect(seen).to.deep.equal([]);
  });

  it('forgets a client that goes away in the middle of its body, or before its answer', async () => {
    const body = raw(
      things.gateway,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na',
    );
    const answer = raw(things.gateway, 'GET /later HTTP/1.1\r\nHost: x\r\nX-Request-Id: gone-away\r\n\r\n');
    const [answered] = await until('the handler', () => waiting.length > 0 && waiting);
    body.socket.destroy();
    answer.socket.destroy();
    await until('the log line', () => things.gateway.lines.find((line) => line.request_id === 'gone-away'));
    answered?.({ status: 200, body: {} });
    const line = things.gateway.lines.find(({ request_id }) => request_id === 'gone-away');
    expect(line?.status).to.equal(499);
    expect((await fetch(`${things.gateway.base}/live`)).status).to.equal(200);
  });

  it('never mixes up the answers of pipelined requests', async () => {
    const two = raw(
      things.gateway,
      'GET /things/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /things/2 HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await until('answers or the end', () => two.closed() || two.text().includes('"2"'));
    const bodies = two.text().match(/"id":"\d"/g) ?? [];
    expect(['', '"id":"1"', '"id":"1","id":"2"']).to.include(bodies.join());
    two.socket.destroy();
  });

  it('ends a connection whose request names two lengths, and reads nothing after it', async () => {
    const connection = raw(
      things.gateway,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}',
      'GET /things/smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    expect(await connection.gone()).to.not.include('smuggled');
    expect(seen).to.deep.equal([]);
  });
});

describe('gateway: what takes too long over REST', () => {
  const things = useThings(5000);
  const { seen, waiting } = things;

  it('ends a connection whose body comes too slowly', async () => {
    const connection = raw(
      things.gateway,
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na',
    );
    await connection.gone();
    expect(seen).to.deep.equal([]);
  });

  it('answers 504 where a handler does not answer, and ignores what it says later', async () => {
    const response = await fetch(`${things.gateway.base}/later`);
    expect(response.status).to.equal(504);
    expect((await problem(response)).code).to.equal('timeout');
    for (const late of waiting) late({ status: 200, body: {} });
    expect((await fetch(`${things.gateway.base}/live`)).status).to.equal(200);
  });
});
