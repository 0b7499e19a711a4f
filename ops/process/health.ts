import type { Clock } from './clock.ts';

/** `degraded`: some of it works. `down`: nothing can be served because of this. */
export interface Check {
  status: 'ok' | 'degraded' | 'down';
  detail?: string;
}

export type Phase = 'starting' | 'ready' | 'draining';

/** What `GET /health` answers; status 503 where `status` is `down`. */
export interface HealthReport {
  status: Check['status'];
  version: string;
  commit: string;
  uptime_s: number;
  checks: Record<string, Check>;
}

export interface Health {
  /** Adds a check. It is asked at each request: it must answer at once, from what its part knows. */
  add(name: string, check: () => Check): void;
  phase(phase: Phase): void;
  report(): HealthReport;
  /** `GET /live`: the process answers, so it need not be restarted. */
  live(): boolean;
  /** `GET /ready`: new clients may come; false while starting and draining. */
  ready(): boolean;
}

export function createHealth(clock: Clock, build: { version: string; commit: string }): Health {
  const checks = new Map<string, () => Check>();
  const began = clock.monotonic();
  let phase: Phase = 'starting';

  function status(results: Check[]): Check['status'] {
    if (results.some((check) => check.status === 'down')) return 'down';
    return results.every((check) => check.status === 'ok') ? 'ok' : 'degraded';
  }

  return {
    add(name, check) {
      checks.set(name, check);
    },
    phase(next) {
      phase = next;
    },
    report() {
      const results = Object.fromEntries([...checks].map(([name, check]) => [name, check()]));
      return {
        status: status(Object.values(results)),
        ...build,
        uptime_s: Math.floor((clock.monotonic() - began) / 1000),
        checks: results,
      };
    },
    live: () => true,
    ready: () => phase === 'ready' && status([...checks.values()].map((check) => check())) !== 'down',
  };
}
