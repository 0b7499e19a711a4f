import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { until } from '../../support/until.ts';
import type { GatewayTest } from './support.ts';

/** Raw connections to a gateway under test, for what no proper client does. */

export interface RawConnection {
  socket: net.Socket;
  text(): string;
  /** The same without the heads of chunks, which may stand anywhere in a body. */
  unchunked(): string;
  closed(): boolean;
  /** What has arrived once it holds `part`. */
  has(part: string): Promise<string>;
  gone(): Promise<string>;
}

export function raw(test: GatewayTest, ...first: (string | Buffer)[]): RawConnection {
  let received = '';
  let closed = false;
  const socket = net.connect(test.port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('data', (data) => {
    received += data.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  for (const part of first) socket.write(part);
  const unchunked = () => received.replace(/\r\n[0-9a-f]+\r\n/gi, '');
  return {
    socket,
    text: () => received,
    unchunked,
    closed: () => closed,
    has: (part) =>
      until(
        `"${part}" in ${JSON.stringify(received)}`,
        () => (received.includes(part) || unchunked().includes(part)) && received,
      ),
    gone: async () => {
      await until('the connection to end', () => closed, 15_000);
      return received;
    },
  };
}

export function upgradeHead(path: string, headers: Record<string, string> = {}): string {
  const all = {
    Host: 'test',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
