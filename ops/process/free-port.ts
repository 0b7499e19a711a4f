import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere): one of those
 * may take the port while its server restarts, even a client that asks for that very port.
 */
const [lowest, beyond] = [20_000, 32_768];
const triesMost = 100;

/** A port of the loopback address that nobody uses now; for programs that come back on the same one. */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = randomInt(lowest, beyond);
    try {
      await take(port);
      return port;
    } catch (error) {
      if (tries === triesMost) throw error;
    }
  }
}

/** Rejects where it is taken. */
function take(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}
