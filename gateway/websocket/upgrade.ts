import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import type { Call } from '../../ops/broker/call.ts';
import type { Caller } from '../../ops/security/access-tokens.ts';
import { fail } from '../../schemas/errors.ts';
import { addressGroup } from '../client-ip.ts';
import { type Capture, capture, type Exchange } from '../http/exchange.ts';
import { callerOf, type PipelineParts } from '../http/pipeline.ts';
import type { Respond } from '../http/respond.ts';
import { compileRow } from '../http/rows.ts';
import type { Origins } from '../origins.ts';
import type { Connection } from './connection.ts';

export interface UpgradeParts extends Capture, Pick<PipelineParts, 'tokens' | 'revoked'> {
  call: Call;
  origins: Origins;
  respond: Respond;
  draining(): boolean;
  monotonic(): number;
  /** Wall clock, milliseconds since 1970. */
  now(): number;
  /** Sockets of one address, those on their way included. */
  addresses: Addresses;
  /** Milliseconds that a socket opened by a ticket is good for before it must send `auth`. */
  ticketGoodMs: number;
  connect(address: string, caller: Caller | undefined): Connection;
}

/** Counts what is open, up to a limit. */
export interface Addresses {
  /** False where there are too many. */
  enter(address: string): boolean;
  leave(address: string): void;
}

export function createAddresses(most: number): Addresses {
  const counts = new Map<string, number>();
  return {
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
 * The upgrade: draining? 503 · the origin, 403 · sockets of the address, 429 · bearer or ticket, 401. With
 * neither the first frame authenticates. Refusals are problem documents, as over REST.
 */
export function createUpgrade(parts: UpgradeParts) {
  const { addresses, call, origins, respond } = parts;

  function upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    let exchange: Exchange | undefined;
    try {
      // The socket's own life begins with the upgrade: until then this is an HTTP request like others.
      exchange = capture(res, req, row, parts.monotonic(), parts, (aborted) => respond.abort(aborted));
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
      const ticket = req.getQuery('ticket');
      if (ticket) void openByTicket(exchange, handshake, ticket);
      else open(exchange, handshake, undefined);
    } catch (error) {
      if (exchange === undefined) throw error;
      respond.refuse(exchange, error);
    }
  }

  /** A ticket counts against its address while it is looked up: a flood of them is one too. */
  async function openByTicket(exchange: Exchange, handshake: Handshake, ticket: string): Promise<void> {
    const { request } = exchange;
    try {
      const { request_id } = request;
      const caller = await call<{ user_id: string; login_id: string }>(
        'users.take_ticket',
        { ticket },
        { request_id },
      );
      if (parts.revoked.has(caller.login_id)) throw fail('unauthenticated', { reason: 'login_revoked' });
      open(exchange, handshake, { ...caller, expires_at: parts.now() + parts.ticketGoodMs });
    } catch (error) {
      respond.refuse(exchange, error);
    }
  }

  function open(exchange: Exchange, handshake: Handshake, caller: Caller | undefined): void {
    if (exchange.over) return;
    const address = addressGroup(exchange.request.ip);
    if (!addresses.enter(address))
      throw fail('rate_limited', { reason: 'too_many_sockets', retry_after_ms: retryMs });
    const connection = parts.connect(address, caller);
    exchange.over = true;
    const { key, protocol, extensions, context } = handshake;
    exchange.res.cork(() => exchange.res.upgrade(connection, key, protocol, extensions, context));
  }

  return upgrade;
}

const retryMs = 10_000;

function subprotocolOf(offered: string): string {
  return offered.split(',').some((name) => name.trim() === subprotocol) ? subprotocol : '';
}
