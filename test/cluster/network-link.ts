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
    /** Pieces and when they go on: none overtakes another, also when the link is quick again. */
    const late: { piece: Buffer; due: number }[] = [];
    const write = (piece: Buffer) => {
      if (to.destroyed || to.write(change(piece))) return;
      from.pause();
      to.once('drain', () => {
        if (!isHeld(from)) from.resume();
      });
    };
    const goOn = () => {
      for (let [first] = late; first !== undefined; [first] = late) {
        const wait = first.due - performance.now();
        if (wait > 0) return void setTimeout(goOn, wait);
        late.shift();
        write(first.piece);
      }
    };
    from.on('data', (piece) => {
      if (delayMs === 0 && late.length === 0) return write(piece);
      late.push({ piece, due: performance.now() + delayMs });
      if (late.length === 1) setTimeout(goOn, delayMs);
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
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
