import type { BrokerOptions as MoleculerOptions, ServiceBroker } from 'moleculer';
import type { Clock } from '../process/clock.ts';
import { watchStalls } from '../process/stalls.ts';
import { AwakeDiscoverer } from './discoverer.ts';
import { Prober } from './prober.ts';
import { NatsTransporter } from './transporter.ts';

export interface ClusterOptions {
  nodeId: string;
  natsUrl: string;
  /** Two deployments with different ones can share a NATS. */
  namespace: string;
  /** Calls to other nodes without an answer that this node may have. */
  callsInFlight: number;
  clock: Clock;
}

/** A call that has no answer after this makes us look whether its node is there. */
const slowMs = 300;
const lookMs = 100;

/** What makes a broker part of a cluster: its options, and `begin` once it is made. */
export function clusterOf(options: ClusterOptions): {
  options: Partial<MoleculerOptions>;
  begin(broker: ServiceBroker): void;
} {
  const { nodeId, natsUrl, namespace, clock } = options;
  const stalls = watchStalls(clock);
  let broker: ServiceBroker | undefined;
  let stopped = false;

  const prober = new Prober({
    node: nodeId,
    prefix: `suhbat${namespace && `-${namespace}`}`,
    clock,
    knows: (node) => node !== nodeId && broker?.registry.nodes.get(node)?.available === true,
    unheard: (node) => broker?.transit?.removePendingRequestByNodeID(node),
    gone: (node) => discoverer.remoteNodeDisconnected(node, true),
  });
  const transporter = new NatsTransporter({
    url: natsUrl,
    name: `suhbat broker ${nodeId}`,
    late: stalls.late,
    connected: (link) => prober.listen(link),
    onChange(change) {
      if (change === 'lost') rejectAll();
      if (change === 'back') discoverer.returned();
    },
  });
  const discoverer = new AwakeDiscoverer({
    awake: stalls.awake,
    up: () => transporter.up,
    quiet: (node) => prober.suspect(node),
  });

  /** Answers that were on their way are lost: nobody should wait for them. */
  function rejectAll(): void {
    for (const node of broker?.registry.nodes.toArray() ?? [])
      broker?.transit?.removePendingRequestByNodeID(node.id);
  }

  /** Calls stand in the order in which they were made, so this costs them nothing. */
  function suspectSlow(): void {
    if (stopped) return;
    const slow = new Set<string>();
    for (const { ctx } of broker?.transit?.pendingRequests.values() ?? []) {
      const [seconds, nanoseconds] = process.hrtime(ctx.startHrTime ?? undefined);
      if (seconds * 1000 + nanoseconds / 1e6 < slowMs) break;
      if (ctx.nodeID !== null) slow.add(ctx.nodeID);
    }
    for (const node of slow) prober.suspect(node);
    clock.after(lookMs, suspectSlow);
  }

  return {
    options: {
      namespace,
      transporter,
      registry: { preferLocal: true, discoverer },
      transit: { maxQueueSize: options.callsInFlight },
    },
    begin(made) {
      broker = made;
      made.localBus.on('$transporter.connected', suspectSlow);
      made.localBus.on('$broker.stopped', () => {
        stopped = true;
        stalls.close();
      });
    },
  };
}
