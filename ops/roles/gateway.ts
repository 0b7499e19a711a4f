import { accountRoutes } from '../../gateway/http/routes/accounts.ts';
import { chatRoutes } from '../../gateway/http/routes/chats.ts';
import { createGateway, type GatewayParts } from '../../gateway/server.ts';
import { ratesOf } from '../config/rates.ts';
import type { Process } from './process.ts';

/** Listens for clients; gives the URL at which this machine reaches it. */
export async function startGateway(
  process: Process,
  parts: Pick<GatewayParts, 'call' | 'actors' | 'bus' | 'tokens' | 'revoked'>,
): Promise<string> {
  const { life, config } = process;
  const gateway = createGateway({
    ...process,
    ...parts,
    settings: config,
    rates: ratesOf(config),
    routes: [...accountRoutes, ...chatRoutes],
  });
  const { port } = await life.part(
    'gateway',
    () => gateway.listen(),
    async (_, withinMs) => {
      await gateway.drain(withinMs / 2);
      gateway.close();
    },
  );
  return `http://${reachable(config.host)}:${port}`;
}

/** An address that listens on all is none that a client can name. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
