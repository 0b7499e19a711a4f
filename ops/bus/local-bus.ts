import { checkSubject } from '../../schemas/subjects.ts';
import type { Bus } from './bus.ts';
import { Subscribers } from './subscribers.ts';

const nothing = () => {};

/** The bus of a single process: handlers run at once, in the order they subscribed, and nothing is lost. */
export function createLocalBus(): Bus {
  const subscribers = new Subscribers(nothing, nothing);
  return {
    lossy: false,
    publish: (subject, envelope) => subscribers.tell(subject, envelope),
    subscribe: (subject, handler) => subscribers.add(checkSubject(subject), handler),
    async settled() {},
    onLoss: () => nothing,
    async close() {
      subscribers.clear();
    },
  };
}
