import { pageOf } from '../../../schemas/rest/accounts.ts';
import * as schemas from '../../../schemas/rest/messages.ts';
import { metaOf } from '../meta.ts';
import type { Route } from '../route.ts';

/** Messages of all chats. */
export const messageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/messages/search',
    summary: "Find messages in the caller's chats, newest first",
    description: `A message is found that has every word of \`q\`, whatever the case: a word of three letters or more anywhere
in its text, a shorter one where a word begins. \`%\`, \`_\` and the like stand for themselves.

Deleted messages, service messages and chats that the caller has left are not searched. A message can be found when
it is in the database, which is a moment (mostly a quarter of a second) after it was answered.

Only so much is read for one page. So a page may hold fewer items than \`limit\`, even none, and yet have a
\`next_cursor\`, which goes on where the page ended: the search is over when it is null.`,
    auth: 'user',
    limit: 'calls',
    query: schemas.MessageSearchQuery,
    replies: { 200: schemas.FoundMessages },
    refusals: { not_found: ['no_chat'], invalid: ['bad_cursor'] },
    async handle(request, { call }) {
      const params = { ...request.query, ...pageOf(request.query) };
      return { status: 200, body: await call('chats.search', params, metaOf(request)) };
    },
  },
];
