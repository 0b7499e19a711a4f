import { setTimeout as pause } from 'node:timers/promises';
import { connectNats } from '../../ops/connections/nats.ts';

export interface Pulse {
  /**
   * Milliseconds of this time (of performance.now()) in which this process or NATS was held up by others: no answer of
   * NATS came, and we did not compute either.
   */
  heldUp(from: number, to: number): number;
  end(): Promise<void>;
}

const beatMs = 20;

/** Asks NATS for a sign of life all the time, on a link of its own: gaps in other work are held against it. */
export async function startPulse(natsUrl: string): Promise<Pulse> {
  const link = await connectNats({ url: natsUrl, name: 'pulse' });
  const gaps: { from: number; to: number; held: number }[] = [];
  let last = performance.now();
  let used = process.cpuUsage();
  let ending = false;
  async function beat(): Promise<void> {
    while (!ending) {
      const answered = await link.connection.flush().then(
        () => true,
        () => false,
      );
      if (answered) {
        const now = performance.now();
        const { user, system } = process.cpuUsage(used);
        const held = now - last - (user + system) / 1000 - beatMs;
        if (held > 0) gaps.push({ from: last, to: now, held });
        last = now;
        used = process.cpuUsage();
      }
      await pause(beatMs);
    }
  }
  const beating = beat();
  return {
    heldUp: (from, to) =>
      gaps.filter((gap) => gap.from < to && gap.to > from).reduce((sum, { held }) => sum + held, 0),
    async end() {
      ending = true;
      await link.close();
      await beating;
    },
  };
}
