import { expect } from 'chai';
import { say } from '../../support/secrets.ts';
import { at, type Cases, own, type RouteCase } from './case.ts';

export const people: Cases = {
  'GET /me': {
    ...own,
    good: at('/me'),
    answers: (body: object, { owner }) => expect(body).to.deep.equal(owner.tokens.user),
  },
  'PATCH /me': { ...own, good: at('/me', () => ({ bio: say('bio'), settings: { theme: 'dark' } })) },
  'GET /api/v1/users/profile': {
    ...own,
    good: at('/api/v1/users/profile'),
    answers: (body: object, { owner }) => expect(body).to.deep.equal(owner.tokens.user),
  },
  'PUT /api/v1/users/profile': {
    ...own,
    good: at('/api/v1/users/profile', () => ({ first_name: say('First'), bio: say('bio') })),
    answers: (body: object, { owner }) => expect(body).to.include({ id: owner.id, last_name: null }),
  },
  'GET /api/v1/contacts': {
    ...own,
    good: at('/api/v1/contacts?search=nobody&limit=5'),
    answers: (body: object) => expect(body).to.deep.equal({ items: [], next_cursor: null }),
  },
  'PUT /api/v1/contacts/{user_id}': {
    ...own,
    status: 204,
    good: ({ stranger }) => ({ path: `/api/v1/contacts/${stranger.id}` }),
  },
  'DELETE /api/v1/contacts/{user_id}': {
    ...own,
    status: 204,
    good: ({ stranger }) => ({ path: `/api/v1/contacts/${stranger.id}` }),
  },
  'POST /users/{id}/block': {
    ...own,
    status: 204,
    good: ({ other }) => ({ path: `/users/${other.id}/block` }),
  },
  'DELETE /users/{id}/block': {
    ...own,
    status: 204,
    good: ({ other }) => ({ path: `/users/${other.id}/block` }),
  },
  'GET /me/blocks': { ...own, good: at('/me/blocks?limit=5') },
  'GET /api/v1/user': { ...own, ...searchFor('/api/v1/user?search=') },
  'GET /search': { ...own, ...searchFor('/search?username=') },
  'GET /api/v1/users': { ...own, ...searchFor('/api/v1/users?search=') },
  'GET /api/v1/users/{id}': {
    ...own,
    good: ({ stranger }) => ({ path: `/api/v1/users/${stranger.id}` }),
    answers: (body: object, { stranger }) => expect(body).to.include({ id: stranger.id }),
  },
};

function searchFor(path: string): Pick<RouteCase, 'good' | 'answers'> {
  return {
    good: ({ stranger }) => ({ path: `${path}${stranger.username}&limit=1` }),
    answers({ items }: { items: { id: string }[] }, { stranger }) {
      expect(items.map(({ id }) => id)).to.deep.equal([stranger.id]);
    },
  };
}
