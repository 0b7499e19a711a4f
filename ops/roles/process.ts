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
