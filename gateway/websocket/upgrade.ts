import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import type { Caller } from '../../ops/security/access-tokens.ts';
import { fail } from '../../schemas/errors.ts';
import { addressGroup } from '../client-ip.ts';
import { type Capture, capture, type Exchange } from '../http/exchange.ts';
import { callerOf, type Pipeline, type PipelineParts } from '../http/pipeline.ts';
import type { Respond } from '../http/respond.ts';
import { compileRow } from '../http/rows.ts';
import type { Origins } from '../origins.ts';
import type { Connection, SocketData } from './connection.ts';

export interface UpgradeParts extends Capture, Pick<PipelineParts, 'tokens' | 'revoked'> {
  origins: Origins;
  respond: Respond;
  http: Pick<Pipeline, 'refuse'>;
  draining(): boolean;
  monotonic(): number;
  /** Sockets of one address. */
  addresses: Addresses;
  /** `ticket`: what the socket is to be authenticated by, once it is open. `trace`: that of its calls. */
  connect(
    address: string,
    caller: Caller | undefined,
    ticket: string | undefined,
    trace: string | undefined,
  ): Connection;
}

/** Counts what is open, up to a limit. */
export interface Addresses {
  /** Has it as many as it may? */
  full(address: string): boolean;
  /** False where there are too many. */
  enter(address: string): boolean;
  leave(address: string): void;
}

export function createAddresses(most: number): Addresses {
  const counts = new Map<string, number>();
  return {
    full: (address) => (counts.get(address) ?? 0) >= most,
    enter(address) {
      const count = counts.get(address) ?? 0;
      if (count >= most) return false;
      counts.set(address, count + 1);
      return true;
    },
    leave(address) {
      const count = (counts.get(address) ?? 0) - 1;
      if (count > 0) counts.set(address, count);
      else counts.delete(address);
    },
  };
}

const subprotocol = 'suhbat.v1';

const row = compileRow({
  method: 'GET',
  path: '/ws',
  summary: 'Opens a WebSocket',
  auth: 'open',
  limit: 'none',
  replies: {},
  async handle() {
    throw fail('invalid', { reason: 'no_upgrade', detail: 'This path speaks WebSocket' });
  },
});

/** Answers plain requests to the socket's path. */
export const plainRow = row;

/** The head of an upgrade request: nothing of it can be read later. */
interface Handshake {
  key: string;
  protocol: string;
  extensions: string;
  context: us_socket_context_t;
}

/**
 * The upgrade: draining? 503 · the origin, 403 · bearer, 401 · sockets of the address, 429. Refusals are
 * problem documents, as over REST. A ticket is looked up when the socket is open; with neither the first
 * frame authenticates.
 *
 * Nothing here waits: where an upgrade comes later than its request and is corked, as it must be,
 * uWebSockets may take the socket for a finished HTTP response and end it (uNetworking/uWebSockets#1928;
 * seen in one of a hundred). Besides, a page can read the code of a close, but not the status of an upgrade.
 */
export function createUpgrade(parts: UpgradeParts) {
  const { addresses, http, origins, respond } = parts;

  function upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    let exchange: Exchange | undefined;
    try {
      // The socket's own life begins with the upgrade: until then this is an HTTP request like others.
      exchange = capture(res, req, row, parts.monotonic(), parts, (aborted) => respond.abort(aborted));
      if (exchange.ambiguous) {
        res.close();
        return;
      }
      const handshake: Handshake = {
        key: req.getHeader('sec-websocket-key'),
        protocol: subprotocolOf(req.getHeader('sec-websocket-protocol')),
        extensions: req.getHeader('sec-websocket-extensions'),
        context,
      };
      if (parts.draining()) throw fail('unavailable', { reason: 'draining' });
      if (!origins.allowsSocket(exchange.origin, req.getHeader('host')))
        throw fail('forbidden', { reason: 'origin', detail: 'Pages of this origin may not open sockets' });
      if (exchange.authorization !== '') {
        open(exchange, handshake, callerOf(exchange.authorization, parts));
        return;
      }
      open(exchange, handshake, undefined, req.getQuery('ticket') || undefined);
    } catch (error) {
      if (exchange === undefined) throw error;
      http.refuse(exchange, error);
    }
  }

  function open(exchange: Exchange, handshake: Handshake, caller: Caller | undefined, ticket?: string): void {
    const { request } = exchange;
    const address = addressGroup(request.ip());
    if (!addresses.enter(address)) throw tooManySockets();
    const connection = parts.connect(address, caller, ticket, request.trace);
    exchange.over = true;
    const { key, protocol, extensions, context } = handshake;
    exchange.res.cork(() =>
      exchange.res.upgrade<SocketData>({ connection }, key, protocol, extensions, context),
    );
  }

  return upgrade;
}

const retryMs = 10_000;

/** For who has as many connections open as an address may. */
export const tooManySockets = () =>
  fail('rate_limited', { reason: 'too_many_sockets', retry_after_ms: retryMs });

function subprotocolOf(offered: string): string {
  return offered.split(',').some((name) => name.trim() === subprotocol) ? subprotocol : '';
}
