import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Health } from './health.ts';
import { StartError } from './start-error.ts';

export interface OpsServerOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  health: Health;
  metrics: Metrics;
}

/** What operators and probes ask one process of a cluster, whichever roles it has. */
export interface OpsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Probes and scrapers are few: more connections than this are refused. */
const connectionsMost = 64;
const patienceMs = 5000;

/**
 * `GET /health`, `/live`, `/ready` and `/metrics`, as a gateway answers them, on a port of their own: a gateway's
 * public one does not tell the internals of a cluster. Throws a StartError where the port cannot be had.
 */
export async function startOpsServer({ host, port, health, metrics }: OpsServerOptions): Promise<OpsServer> {
  const answers: Record<string, (response: ServerResponse) => void | Promise<void>> = {
    '/health': (response) => {
      const report = health.report();
      end(response, report.status === 'down' ? 503 : 200, JSON.stringify(report), 'application/json');
    },
    '/live': (response) => yesOrNo(response, health.live()),
    '/ready': (response) => yesOrNo(response, health.ready()),
    '/metrics': async (response) =>
      end(response, 200, await metrics.registry.metrics(), metrics.registry.contentType),
  };
  const server = createServer(
    { requestTimeout: patienceMs, headersTimeout: patienceMs },
    (request, response) => {
      const answer = answers[(request.url ?? '').split('?')[0] ?? ''];
      if (answer === undefined) end(response, 404, 'not found\n');
      else if (request.method !== 'GET' && request.method !== 'HEAD')
        end(response.setHeader('Allow', 'GET, HEAD'), 405, 'method not allowed\n');
      else Promise.resolve(answer(response)).catch(() => end(response, 500, 'internal\n'));
    },
  );
  server.maxConnections = connectionsMost;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new StartError(
      `Cannot listen on ${host}:${port} (SUHBAT_OPS_PORT): the port is taken or the address is not ours.`,
      error,
    );
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => undefined);
    },
  };
}

function yesOrNo(response: ServerResponse, yes: boolean): void {
  end(response, yes ? 200 : 503, yes ? 'yes\n' : 'no\n');
}

function end(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(text);
}
