import Type from 'typebox';
import { fail } from '../../../schemas/errors.ts';
import type { Route } from '../route.ts';

/** The events of a WebSocket for those who cannot open one. */
export const eventRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/events',
    summary: 'The events of a WebSocket as server-sent events',
    description:
      'For clients that cannot open a WebSocket; requests go to the other routes. Each event is one `data:` ' +
      'line with the JSON of an event frame (see `/asyncapi.json`), a comment line comes every 15 s. ' +
      'Every stream begins with `resync`: `POST /api/v1/sync` and a chat’s history repair what was missed, ' +
      'and `Last-Event-ID` is ignored. It ends when the token expires, when the login is logged out, when the ' +
      'server drains (after `bye`) or when the client does not read; `EventSource` then connects again. It ' +
      'takes the bearer header or, for `EventSource`, a fresh `?ticket=` per connect.',
    auth: 'ticket',
    limit: 'calls',
    query: Type.Object({
      ticket: Type.Optional(Type.String({ description: 'From `POST /api/v1/ws-ticket`: one use, 30 s' })),
    }),
    media: 'text/event-stream',
    replies: { 200: undefined },
    refusals: {
      unauthenticated: ['ticket_invalid'],
      rate_limited: ['too_many_sockets'],
      unavailable: ['draining'],
    },
    async handle(request, { openStream }) {
      const { caller } = request;
      if (caller === undefined) throw fail('unauthenticated', { reason: 'no_token' });
      return { status: 200, stream: openStream(caller, request), headers: { 'X-Accel-Buffering': 'no' } };
    },
  },
];
