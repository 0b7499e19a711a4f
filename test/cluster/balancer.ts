import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What stands before the gateways: each new connection goes to the next one that takes it. */
export interface Balancer {
  readonly url: string;
  /** The same, for clients who may be made to read nothing. */
  readonly slowUrl: string;
  /** From now on, or no more: clients that came by `slowUrl` read nothing. Their sockets stay open. */
  stall(stalled: boolean): void;
  /** Ends every connection of every client. */
  endAll(): void;
  close(): Promise<void>;
}

/** `ports`: of the gateways that run now, in any order. */
export async function startBalancer(ports: () => readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  /** What gateways send to clients of the other door. */
  const slow = new Map<Socket, Socket>();
  let stalled = false;
  let turn = 0;

  const door = (isSlow: boolean) =>
    createServer((client) => {
      open.add(client);
      client.setNoDelay(true).on('close', () => open.delete(client));
      client.on('error', () => client.destroy());
      void serve(client, isSlow);
    });
  const server = door(false);
  const slowServer = door(true);

  async function serve(client: Socket, isSlow: boolean): Promise<void> {
    const all = ports();
    // Of this client alone: others take their turns meanwhile, and each gateway is to be tried.
    const first = turn++;
    for (let tried = 0; tried < all.length; tried++) {
      const port = all[(first + tried) % all.length] as number;
      const gateway = connect(port, '127.0.0.1').setNoDelay(true);
      try {
        await once(gateway, 'connect');
      } catch {
        continue;
      }
      gateway.on('error', () => client.destroy());
      gateway.on('close', () => client.destroy());
      client.on('close', () => gateway.destroy());
      client.pipe(gateway);
      if (isSlow) {
        slow.set(gateway, client);
        gateway.on('close', () => slow.delete(gateway));
      }
      if (!(isSlow && stalled)) gateway.pipe(client);
      return;
    }
    client.destroy();
  }

  const endAll = () => {
    for (const client of open) client.resetAndDestroy();
  };
  async function listen(at: Server): Promise<string> {
    at.listen(0, '127.0.0.1');
    await once(at, 'listening');
    return `http://127.0.0.1:${(at.address() as { port: number }).port}`;
  }
  const [url, slowUrl] = [await listen(server), await listen(slowServer)];
  return {
    url,
    slowUrl,
    stall(next) {
      stalled = next;
      for (const [gateway, client] of slow)
        if (stalled) gateway.unpipe(client).pause();
        else gateway.pipe(client);
    },
    endAll,
    async close() {
      endAll();
      for (const one of [server, slowServer]) {
        one.close();
        await once(one, 'close');
      }
    },
  };
}
