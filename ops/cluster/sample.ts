import type { Node } from './node.ts';

/** What the table shows of one process, read from its metrics. */
export interface Sample {
  /** Monotonic milliseconds. */
  at: number;
  shards: number;
  connections: number;
  /** Sends of messages, over sockets and REST, so far; refused ones too. */
  messages: number;
  /** Seconds. */
  flushLag: number;
  refusedAppends: number;
  /** Shards that came to it so far. */
  claims: number;
  quarantined: number;
  /** Seconds of CPU so far. */
  cpu: number;
  /** Bytes. */
  memory: number;
}

const patienceMs = 800;

/** Undefined where it does not answer: it is down, paused or not ready. */
export async function sampleOf(node: Pick<Node, 'opsUrl'>): Promise<Sample | undefined> {
  const text = await metricsOf(node);
  return text === undefined ? undefined : readSample(text, performance.now());
}

/** In Prometheus's text form; undefined as above. */
export async function metricsOf({ opsUrl }: Pick<Node, 'opsUrl'>): Promise<string | undefined> {
  if (opsUrl === undefined) return undefined;
  try {
    const answer = await fetch(`${opsUrl}/metrics`, { signal: AbortSignal.timeout(patienceMs) });
    return await answer.text();
  } catch {
    return undefined;
  }
}

/** Over all sets of labels that hold this one. */
export function sumOf(text: string, metric: string, label = ''): number {
  return text
    .split('\n')
    .filter(
      (line) => (line.startsWith(`${metric}{`) || line.startsWith(`${metric} `)) && line.includes(label),
    )
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

function readSample(text: string, at: number): Sample {
  const sum = (metric: string, label?: string) => sumOf(text, metric, label);
  return {
    at,
    shards: sum('suhbat_shards', 'state="serving"'),
    connections: sum('suhbat_connections'),
    messages:
      sum('suhbat_frames_in_total', 'type="message.send"') +
      sum('suhbat_requests_total', 'method="POST",route="/api/v1/chats/{id}/messages"'),
    flushLag: sum('suhbat_flush_lag_seconds'),
    refusedAppends: sum('suhbat_appends_refused_total'),
    claims: sum('suhbat_shards_claimed_total'),
    quarantined: sum('suhbat_quarantined_shards'),
    cpu: sum('process_cpu_seconds_total'),
    memory: sum('process_resident_memory_bytes'),
  };
}

/** How much grew each second between two samples; 0 where the process is another one since. */
export function rateOf(before: Sample | undefined, now: Sample, value: 'messages' | 'cpu'): number {
  if (before === undefined || now[value] < before[value] || now.at <= before.at) return 0;
  return ((now[value] - before[value]) * 1000) / (now.at - before.at);
}
