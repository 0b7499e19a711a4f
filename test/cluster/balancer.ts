import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What stands before the gateways: each new connection goes to the next one that takes it. */
export interface Balancer {
  readonly url: string;
  /** Ends every connection of every client. */
  endAll(): void;
  close(): Promise<void>;
}

/** `ports`: of the gateways that run now, in any order. */
export async function startBalancer(ports: () => readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;

  const server = createServer((client) => {
    open.add(client);
    client.setNoDelay(true).on('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    void serve(client);
  });

  async function serve(client: Socket): Promise<void> {
    const all = ports();
    for (let tried = 0; tried < all.length; tried++) {
      const port = all[turn++ % all.length] as number;
      const gateway = connect(port, '127.0.0.1').setNoDelay(true);
      try {
        await once(gateway, 'connect');
      } catch {
        continue;
      }
      gateway.on('error', () => client.destroy());
      gateway.on('close', () => client.destroy());
      client.on('close', () => gateway.destroy());
      client.pipe(gateway).pipe(client);
      return;
    }
    client.destroy();
  }

  const endAll = () => {
    for (const client of open) client.resetAndDestroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    endAll,
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
