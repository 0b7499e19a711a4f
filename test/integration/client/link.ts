import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP link between clients and a server, which a test can cut or freeze. */
export interface Link {
  readonly url: string;
  /** Connections that ever came through. */
  readonly count: number;
  /** Ends every connection without a word. */
  cut(): void;
  /** Lets nothing through any more on the connections that are open, and tells nobody. */
  freeze(): void;
  close(): void;
}

export async function openLink(target: string): Promise<Link> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer({ pauseOnConnect: true }, (near) => {
    count++;
    const far = connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('error', () => {}); // `close` follows
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get count() {
      return count;
    },
    cut() {
      for (const socket of open) socket.destroy();
    },
    freeze() {
      for (const socket of open) {
        socket.unpipe();
        socket.pause();
      }
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
