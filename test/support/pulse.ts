import { setTimeout as pause } from 'node:timers/promises';
import { connectNats } from '../../ops/connections/nats.ts';

export interface Pulse {
  /** Milliseconds between two answers of NATS, the most so far: what this process and NATS were held up themselves. */
  longestGap(): number;
  end(): Promise<void>;
}

const beatMs = 20;

/** Asks NATS for a sign of life all the time, on a link of its own: what a gap in other work is measured against. */
export async function startPulse(natsUrl: string): Promise<Pulse> {
  const link = await connectNats({ url: natsUrl, name: 'pulse' });
  let last = performance.now();
  let longest = 0;
  let ending = false;
  async function beat(): Promise<void> {
    while (!ending) {
      await link.connection.flush().catch(() => {});
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      await pause(beatMs);
    }
  }
  const beating = beat();
  return {
    longestGap: () => Math.max(longest, performance.now() - last),
    async end() {
      ending = true;
      await link.close();
      await beating;
    },
  };
}
