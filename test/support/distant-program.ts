import { createBroker, defineService } from '../../ops/broker/broker.ts';
import type { CallMeta } from '../../ops/broker/call.ts';
import { createMembership } from '../../ops/broker/membership.ts';
import { createLogger } from '../../ops/telemetry/logger.ts';
import { fail } from '../../schemas/errors.ts';
import type { FromDistant, ToDistant } from './distant-node.ts';

/**
 * A node of the cluster in a process of its own: a broker, a service `far`, and the door of actors whose
 * host is in the process that started it. See distant-node.ts.
 */
const [nodeId = '', natsUrl, namespace = '', roles = ''] = process.argv.slice(2);
const broker = createBroker({
  nodeId,
  logger: createLogger('fatal'),
  requestTimeoutMs: 5000,
  natsUrl,
  namespace,
});
const membership = createMembership(broker);
const waiting = new Map<number, (reply: unknown) => void>();
const heard: string[] = [];
let asked = 0;

const say = (message: FromDistant) => process.send?.(message);

function forward(action: string) {
  return (params: object, { budget_ms = 0, trace }: CallMeta) =>
    new Promise((resolve) => {
      const number = ++asked;
      waiting.set(number, resolve);
      say({ type: 'ask', number, action, params, budgetMs: budget_ms, ...(trace && { trace }) });
    });
}

const far = {
  echo: (params: object, meta: CallMeta) => ({ params, meta, by: nodeId }),
  note({ text }: { text: string }) {
    heard.push(text);
  },
  notes: () => heard,
  refuse() {
    throw fail('conflict', { reason: 'username_taken', detail: 'it is', retry_after_ms: 3 });
  },
  bug() {
    throw new TypeError('a bug');
  },
  slow: ({ ms }: { ms: number }) => new Promise((resolve) => setTimeout(resolve, ms, ms)),
  hang: () => new Promise(() => {}),
};
const actors = { ask: forward('ask'), peek: forward('peek'), release: forward('release') };
for (const [name, actions] of Object.entries({ far, actors })) {
  broker.createService(defineService(name, actions));
  // The same by the other way.
  broker.joined?.serve(
    Object.fromEntries(Object.entries(actions).map(([action, handler]) => [`${name}.${action}`, handler])),
  );
}

process.on('message', (message: ToDistant) => {
  switch (message.type) {
    case 'answer':
      waiting.get(message.number)?.(message.reply);
      waiting.delete(message.number);
      break;
    case 'drain':
      membership.drain();
      break;
    case 'leave':
      void broker.stop().then(() => process.exit(0));
      break;
    case 'mumble': {
      // What a lost INFO leaves behind: a new version that nobody was told.
      const { nodes } = broker.registry;
      if (nodes.localNode) nodes.localNode.metadata = { roles: ['mumbled'] };
      broker.registry.regenerateLocalRawInfo(true);
      break;
    }
    case 'block':
      // It is written before the loop begins.
      say({ type: 'blocking' });
      for (const until = performance.now() + message.ms; performance.now() < until; );
  }
});
process.on('disconnect', () => process.exit(0));

await broker.start();
membership.onChange(() => say({ type: 'members', members: membership.members() }));
membership.enter(roles.split(',').filter(Boolean));
say({ type: 'ready' });
