import type { Config } from '../config/load.ts';
import type { Clock } from '../process/clock.ts';
import type { Check, Health } from '../process/health.ts';
import type { Lifecycle } from '../process/lifecycle.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** What every role of a process is started with. */
export interface Process {
  /** Unique per process: host-pid-nonce. */
  nodeId: string;
  life: Lifecycle;
  config: Config;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  health: Health;
}

export function degraded(detail: string): Check {
  return { status: 'degraded', detail };
}

/** An address that listens on all is none that a client can name. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
