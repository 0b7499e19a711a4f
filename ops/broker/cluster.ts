import type { BrokerOptions as MoleculerOptions, ServiceBroker } from 'moleculer';
import { type Clock, sleep } from '../process/clock.ts';
import { watchStalls } from '../process/stalls.ts';
import type { Logger } from '../telemetry/logger.ts';
import { requestFields } from '../telemetry/trace.ts';
import { AwakeDiscoverer } from './discoverer.ts';
import { JoinedCalls } from './joined-calls.ts';
import { Prober } from './prober.ts';
import { NatsTransporter } from './transporter.ts';

export interface ClusterOptions {
  nodeId: string;
  natsUrl: string;
  /** Two deployments with different ones can share a NATS. */
  namespace: string;
  /** Calls to other nodes without an answer that this node may have. */
  callsInFlight: number;
  requestTimeoutMs: number;
  clock: Clock;
  logger: Logger;
}

/** A call that has no answer after this makes us look whether its node is there. */
const slowMs = 300;
const lookMs = 100;
/** So long a node that leaves waits for NATS to take its word. */
const saidMs = 1000;
/** Others come back within this: what they are asked before is lost. See ops/connections/nats.ts. */
const returnMs = 500;

/** What makes a broker part of a cluster: its options, and `begin` once it is made. */
export function clusterOf(options: ClusterOptions): {
  options: Partial<MoleculerOptions>;
  joined: JoinedCalls;
  begin(broker: ServiceBroker): void;
} {
  const { nodeId, natsUrl, namespace, clock } = options;
  const prefix = `suhbat${namespace && `-${namespace}`}`;
  const stalls = watchStalls(clock);
  let broker: ServiceBroker | undefined;
  let stopped = false;

  const prober = new Prober({
    node: nodeId,
    prefix,
    clock,
    knows: (node) => node !== nodeId && broker?.registry.nodes.get(node)?.available === true,
    unheard,
    gone: (node) => discoverer.remoteNodeDisconnected(node, true),
  });
  const transporter = new NatsTransporter({
    url: natsUrl,
    name: `suhbat broker ${nodeId}`,
    late: stalls.late,
    connected(link) {
      prober.listen(link);
      joined.listen(link);
    },
    onChange(change) {
      if (change === 'lost') rejectAll();
      if (change !== 'back') return;
      discoverer.returned();
      clock.after(returnMs, () => broker?.servicesChanged());
    },
  });
  const discoverer = new AwakeDiscoverer({
    awake: stalls.awake,
    up: () => transporter.up,
    quiet: (node) => prober.suspect(node),
    said: () => Promise.race([transporter.flushed(), sleep(clock, saidMs)]),
  });

  const joined = new JoinedCalls({
    node: nodeId,
    prefix,
    clock,
    most: options.callsInFlight,
    timeoutMs: options.requestTimeoutMs,
    offers: (node, action) => Boolean(broker?.registry.getActionEndpointByNodeId(action, node)),
    late: stalls.late,
    fault: (where, error, meta) =>
      options.logger.error({ ...(meta && requestFields(meta)), err: error, where }, 'a joined call failed'),
  });

  function unheard(node: string): void {
    broker?.transit?.removePendingRequestByNodeID(node);
    joined.reject(node);
  }

  /** Answers that were on their way are lost: nobody should wait for them. */
  function rejectAll(): void {
    joined.reject();
    for (const node of broker?.registry.nodes.toArray() ?? [])
      broker?.transit?.removePendingRequestByNodeID(node.id);
  }

  /** Calls stand in the order in which they were made, so this costs them nothing. */
  function suspectSlow(): void {
    if (stopped) return;
    const slow = joined.slow(slowMs);
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
    joined,
    begin(made) {
      broker = made;
      made.localBus.on('$node.disconnected', ({ node }: { node: { id: string } }) => joined.reject(node.id));
      made.localBus.on('$transporter.connected', suspectSlow);
      made.localBus.on('$broker.stopped', () => {
        stopped = true;
        stalls.close();
      });
    },
  };
}
