import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** Seconds, from a local fsync to a request that is about to time out. */
const fast = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const slow = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const sizes = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

/**
 * Every metric of Suhbat, each declared here and nowhere else, on a registry of its own. Times are in
 * seconds, sizes in bytes. Labels hold names from our own tables only, never ids or client input.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter<Label>({ name, help, labelNames, registers });
  const gauge = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge<Label>({ name, help, labelNames, registers });
  const histogram = <Label extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: Label[]
  ) => new Histogram<Label>({ name, help, buckets, labelNames, registers });

  const samplers: (() => void)[] = [];
  // The first metric of the registry: what it samples is fresh in all that follow.
  const build = new Gauge({
    name: 'suhbat_build_info',
    help: 'Which Suhbat this is',
    labelNames: ['version', 'commit'],
    registers,
    collect() {
      for (const sample of samplers) sample();
    },
  });

  return {
    registry,
    build,

    /** Calls this whenever somebody reads the metrics: for gauges that copy what a part counts anyway. */
    sample(sampler: () => void) {
      samplers.push(sampler);
    },

    // Everywhere: actors in memory, unflushed bytes, journal bytes, password hashes
    queueDepth: gauge('suhbat_queue_depth', 'What waits in a bounded queue', 'queue'),
    queueLimit: gauge('suhbat_queue_limit', 'How much that queue may hold', 'queue'),

    // Gateway
    connections: gauge('suhbat_connections', 'Open WebSockets and event streams'),
    connectionsOpened: counter('suhbat_connections_opened_total', 'WebSockets and event streams accepted'),
    connectionsClosed: counter('suhbat_connections_closed_total', 'WebSocket connections ended', 'code'),
    slowClientsClosed: counter(
      'suhbat_slow_clients_closed_total',
      'Connections closed for a full send buffer',
    ),
    framesIn: counter('suhbat_frames_in_total', 'Frames received from clients', 'type'),
    framesOut: counter('suhbat_frames_out_total', 'Frames handed to sockets or to publish', 'type'),
    frameSeconds: histogram('suhbat_frame_seconds', 'From a frame to its reply', slow, 'type', 'code'),
    requests: counter('suhbat_requests_total', 'REST requests answered', 'method', 'route', 'status', 'code'),
    requestSeconds: histogram('suhbat_request_seconds', 'From a REST request to its answer', slow, 'route'),
    requestsInFlight: gauge('suhbat_requests_in_flight', 'REST requests not answered yet'),
    rateLimited: counter('suhbat_rate_limited_total', 'Requests refused by a rate limit', 'limit'),
    fanoutPublishes: counter('suhbat_fanout_publishes_total', 'Publishes to local topics', 'kind'),
    fanoutDropped: counter('suhbat_fanout_dropped_total', 'Droppable frames not sent to slow sockets'),
    members: gauge('suhbat_members', 'Live processes of the cluster, as this one sees them', 'role'),
    busDropped: gauge(
      'suhbat_bus_dropped',
      'Envelopes that this process did not send or could not read',
      'why',
    ),
    fanoutSubscriptions: gauge('suhbat_fanout_subscriptions', 'Bus subjects that this gateway holds'),

    // Actors
    askSeconds: histogram('suhbat_ask_seconds', 'From an ask to its results, repeats included', fast, 'kind'),
    activeActors: gauge('suhbat_active_actors', 'Activations in memory', 'kind'),
    activationSeconds: histogram('suhbat_activation_seconds', 'Loading one actor', slow, 'kind'),
    gateWaitSeconds: histogram(
      'suhbat_gate_wait_seconds',
      'What a reply waits at the output gate',
      fast,
      'gate',
    ),
    batchEvents: histogram('suhbat_batch_events', 'Events in one journal batch', counts),
    batchBytes: histogram('suhbat_batch_bytes', 'Bytes of one journal batch', sizes),
    shards: gauge('suhbat_shards', 'Shards of this node', 'state'),
    quarantinedShards: gauge('suhbat_quarantined_shards', 'Shards that wait for an operator'),
    appendsRefused: counter('suhbat_appends_refused_total', 'Appends refused because another owner wrote'),

    // Journal
    journalAppendSeconds: histogram('suhbat_journal_append_seconds', 'From an append to its position', fast),
    journalFsyncSeconds: histogram('suhbat_journal_fsync_seconds', 'One fdatasync of the journal', fast),
    journalBytes: gauge('suhbat_journal_bytes', 'Bytes that the journal holds'),

    // Flusher
    flushLagSeconds: gauge('suhbat_flush_lag_seconds', 'Age of the oldest committed event not in PostgreSQL'),
    flushWaiting: gauge('suhbat_flush_waiting_events', 'Committed events not in PostgreSQL'),
    flushSeconds: histogram('suhbat_flush_seconds', 'One flush transaction', slow),
    flushEvents: histogram('suhbat_flush_events', 'Events in one flush transaction', counts),
    flushFailures: counter('suhbat_flush_failures_total', 'Flush transactions that failed and are repeated'),
    deadLetters: counter('suhbat_dead_letters_total', 'Events that PostgreSQL refused', 'kind'),

    // Services
    callSeconds: histogram('suhbat_call_seconds', 'One service call', slow, 'action', 'code'),
    bcryptSeconds: histogram('suhbat_bcrypt_seconds', 'One password hash, its wait included', slow),
    bcryptRefused: counter('suhbat_bcrypt_refused_total', 'Password hashes refused because too many wait'),
    jobs: gauge('suhbat_jobs', 'Jobs of the whole deployment; dead ones wait for an operator', 'state'),
    jobSeconds: histogram('suhbat_job_seconds', 'One try of a job', slow, 'kind', 'outcome'),
  };
}

/** Adds the process itself: CPU, memory, garbage collection, event-loop delay. Once per process: it never ends. */
export function watchProcess(metrics: Metrics): void {
  collectDefaultMetrics({ register: metrics.registry });
}
