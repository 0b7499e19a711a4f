import type { Bus, BusLoss, Envelope } from '../../ops/bus/bus.ts';

/** What the network does with an envelope: how many times it arrives, and after how many later ones. */
export interface Passage {
  times: number;
  behind: number;
}

export interface LossyBus extends Bus {
  /** Asked for every envelope, until it is replaced. */
  network: (subject: string, envelope: Envelope) => Passage;
  /** Whether `settled` gets its answer. */
  up: boolean;
  /** Everything that was published, whether it arrived or not. */
  readonly published: { subject: string; envelope: Envelope }[];
  /** Lets go what is held back. */
  catchUp(): void;
  /** Says that something may have been lost. */
  lose(loss: BusLoss): void;
}

export const arrives: Passage = { times: 1, behind: 0 };
export const lost: Passage = { times: 0, behind: 0 };

/** A real bus behind a network that loses, repeats and holds back. */
export function createLossyBus(inner: Bus): LossyBus {
  const listeners = new Set<(loss: BusLoss) => void>();
  let held: { subject: string; envelope: Envelope; behind: number }[] = [];

  function letGo(all: boolean): void {
    const due = held.filter((one) => all || one.behind-- <= 0);
    held = held.filter((one) => !due.includes(one));
    for (const { subject, envelope } of due) inner.publish(subject, envelope);
  }

  const bus: LossyBus = {
    lossy: true,
    network: () => arrives,
    up: true,
    published: [],
    publish(subject, envelope) {
      bus.published.push({ subject, envelope });
      const { times, behind } = bus.network(subject, envelope);
      for (let n = 0; n < times; n++)
        if (behind === 0) inner.publish(subject, envelope);
        else held.push({ subject, envelope, behind });
      letGo(false);
    },
    subscribe: (subject, handler) => inner.subscribe(subject, handler),
    async settled() {
      if (!bus.up) throw new Error('no round trip');
      await inner.settled();
    },
    onLoss(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    catchUp: () => letGo(true),
    lose(loss) {
      for (const listener of [...listeners]) listener(loss);
    },
    close: () => inner.close(),
  };
  return bus;
}
