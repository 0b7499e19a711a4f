import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** `up`: from the client to the server. */
export type Way = 'up' | 'down';

/** A TCP link between one process and one server that can be cut, held and slowed. */
export interface NetworkLink {
  readonly port: number;
  /** The same URL, with this link's address in it. */
  url(of: string): string;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** Holds what goes one way, or both: nothing is lost, nothing arrives, nobody is told. */
  hold(...ways: Way[]): void;
  /** Holds what one of several connections sends: the one that has this in what it says first. */
  holdFrom(word: string): void;
  /** Holds every piece for so many milliseconds. */
  slow(ms: number): void;
  /** As it was at the beginning; what was held goes on. */
  heal(): void;
  /** Another server from now on; connections there are end. */
  retarget(port: number): void;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  /** What the client said first. */
  hello: string;
}

/** Sees every piece on its way down; gives what goes on instead. */
export type Meddle = (connection: object, piece: Buffer) => Buffer;

export async function startLink(target: number, meddle?: Meddle): Promise<NetworkLink> {
  const pairs = new Set<Pair>();
  const held = new Set<Way>();
  let refuses = false;
  let delayMs = 0;
  let word: string | undefined;

  const server = createServer({ allowHalfOpen: false }, (client) => {
    if (refuses) {
      client.resetAndDestroy();
      return;
    }
    const pair: Pair = { client, server: connect(target, '127.0.0.1'), hello: '' };
    client.once('data', (piece: Buffer) => {
      pair.hello = piece.toString('latin1');
      if (word !== undefined && pair.hello.includes(word)) client.pause();
    });
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      pair.client.destroy();
      pair.server.destroy();
    };
    for (const socket of [client, pair.server]) socket.setNoDelay(true).on('error', end).on('close', end);
    pass(client, pair.server);
    pass(pair.server, client, meddle && ((piece) => meddle(pair, piece)));
    for (const way of held) stop(pair, way);
  });

  function pass(from: Socket, to: Socket, change: (piece: Buffer) => Buffer = (piece) => piece): void {
    from.on('data', (piece) => {
      const write = () => {
        if (to.destroyed) return;
        if (!to.write(change(piece))) {
          from.pause();
          to.once('drain', () => {
            if (!isHeld(from)) from.resume();
          });
        }
      };
      if (delayMs > 0) setTimeout(write, delayMs);
      else write();
    });
  }

  function isHeld(from: Socket): boolean {
    for (const { client, server, hello } of pairs) {
      const up = held.has('up') || (word !== undefined && hello.includes(word));
      if ((from === client && up) || (from === server && held.has('down'))) return true;
    }
    return false;
  }

  function stop({ client, server }: Pair, way: Way): void {
    (way === 'up' ? client : server).pause();
  }

  function endAll(): void {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
    pairs.clear();
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    url(of) {
      const url = new URL(of);
      url.host = `127.0.0.1:${port}`;
      return url.href;
    },
    cut() {
      refuses = true;
      endAll();
    },
    hold(...ways) {
      for (const way of ways) {
        held.add(way);
        for (const pair of pairs) stop(pair, way);
      }
    },
    holdFrom(own) {
      word = own;
      for (const { client, hello } of pairs) if (hello.includes(own)) client.pause();
    },
    slow(ms) {
      delayMs = ms;
    },
    heal() {
      refuses = false;
      delayMs = 0;
      word = undefined;
      held.clear();
      for (const { client, server } of pairs) {
        client.resume();
        server.resume();
      }
    },
    retarget(next) {
      target = next;
      endAll();
    },
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
