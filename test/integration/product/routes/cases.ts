import { expect } from 'chai';
import { accounts } from './cases/accounts.ts';
import { administration } from './cases/administration.ts';
import { at, type Cases, open, own } from './cases/case.ts';
import { chats } from './cases/chats.ts';
import { media } from './cases/media.ts';
import { people } from './cases/people.ts';

/** A row for every route that the product serves. */
export const routeCases: Cases = {
  'GET /health': { ...open, good: at('/health') },
  'GET /live': { ...open, good: at('/live') },
  'GET /ready': { ...open, good: at('/ready') },
  'GET /metrics': { ...open, good: at('/metrics') },
  'GET /.well-known/jwks.json': {
    ...open,
    good: at('/.well-known/jwks.json'),
    answers({ keys }: { keys: object[] }) {
      expect(keys).to.have.length(1);
      expect(keys[0]).to.have.all.keys('kty', 'crv', 'x', 'y', 'kid', 'use', 'alg');
    },
  },

  'GET /api/v1/users/{id}/presence': {
    ...own,
    good: ({ member }) => ({ path: `/api/v1/users/${member.id}/presence` }),
    answers: (body: object) => expect(body).to.deep.equal({ online: true, last_seen_at: null }),
  },
  'GET /api/v1/events': {
    ...own,
    good: at('/api/v1/events'),
    // Its first events may have come along.
    answers: (body: string) => expect(body).to.match(/^retry: 2000\n\n/),
  },
  'POST /presence/ping': { ...own, status: 204, good: at('/presence/ping') },
  'POST /api/v1/presence': {
    ...own,
    good: ({ member }) => ({ path: '/api/v1/presence', body: { user_ids: [member.id] } }),
    answers(body: object, { member }) {
      expect(body).to.deep.equal({ users: [{ user_id: member.id, online: true, last_seen_at: null }] });
    },
  },
  ...accounts,
  ...administration,
  ...people,
  ...chats,
  ...media,
};
