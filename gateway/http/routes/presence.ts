import { askOptionsOf } from '../../../actors/client/ask.ts';
import { fail } from '../../../schemas/errors.ts';
import { isUuid } from '../../../schemas/ids.ts';
import { PresenceBody, PresenceList, UserPresence } from '../../../schemas/rest/presence.ts';
import { hiddenAmong, hiddenPresence, withHidden } from '../../hidden-presence.ts';
import { presenceOf, presenceOfAll, tellUser } from '../../presence.ts';
import { metaOf } from '../meta.ts';
import type { Route } from '../route.ts';

/** Who is online; the twins of `presence.watch`. */
export const presenceRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/users/{id}/presence',
    summary: 'Is this user online, and when were they last',
    auth: 'user',
    limit: 'calls',
    replies: { 200: UserPresence },
    async handle(request, { actors, call }) {
      const { id = '' } = request.params;
      if (!isUuid(id)) throw fail('not_found');
      const hidden = await hiddenAmong(call, [id.toLowerCase()], metaOf(request));
      const { online, last_seen_at } =
        hidden.size > 0 ? hiddenPresence(id) : await presenceOf(actors, id, askOptionsOf(metaOf(request)));
      return { status: 200, body: { online, last_seen_at } };
    },
  },
  {
    method: 'POST',
    path: '/presence/ping',
    summary: 'Keeps a client without a socket online for a minute',
    auth: 'user',
    limit: 'calls',
    replies: { 204: undefined },
    async handle(request, { actors, online }) {
      const { caller } = request;
      if (caller) {
        await tellUser(actors, caller.user_id, { type: 'presence.ping' }, askOptionsOf(metaOf(request)));
        online?.seen(caller.user_id);
      }
      return { status: 204 };
    },
  },
  {
    method: 'POST',
    path: '/api/v1/presence',
    summary: 'Presence of up to 200 users, once',
    auth: 'user',
    limit: 'calls',
    body: PresenceBody,
    replies: { 200: PresenceList },
    async handle(request, { actors, call }) {
      const { user_ids } = request.body as PresenceBody;
      const hidden = await hiddenAmong(call, user_ids, metaOf(request));
      const shown = user_ids.filter((id) => !hidden.has(id));
      const found = await presenceOfAll(actors, shown, askOptionsOf(metaOf(request)));
      return { status: 200, body: { users: withHidden(user_ids, hidden, found) } };
    },
  },
];
