import { expect } from 'chai';
import type { AuditList, ManagedUser, ManagedUserList } from '../../../../../schemas/rest/admin.ts';
import { type Cases, own } from './case.ts';

export const administration: Cases = {
  'GET /admin/users': {
    ...own,
    roles: ['moderator', 'admin'],
    good: ({ stranger }) => ({ path: `/admin/users?search=${stranger.username}&limit=1` }),
    answers({ items }: ManagedUserList, { stranger }) {
      expect(items.map(({ id }) => id)).to.deep.equal([stranger.id]);
    },
  },
  'POST /admin/users/{id}/ban': {
    ...own,
    roles: ['moderator', 'admin'],
    good: ({ other }) => ({ path: `/admin/users/${other.id}/ban` }),
    answers: ({ id, banned_at }: ManagedUser, { other }) =>
      expect([id, banned_at === null]).to.deep.equal([other.id, false]),
  },
  'POST /admin/users/{id}/unban': {
    ...own,
    roles: ['moderator', 'admin'],
    good: ({ other }) => ({ path: `/admin/users/${other.id}/unban` }),
    answers: (body: ManagedUser, { other }) => expect(body).to.include({ id: other.id, banned_at: null }),
  },
  'PUT /admin/users/{id}/role': {
    ...own,
    roles: ['admin'],
    good: ({ other }) => ({ path: `/admin/users/${other.id}/role`, body: { role: 'moderator' } }),
    answers: (body: ManagedUser, { other }) => expect(body).to.include({ id: other.id, role: 'moderator' }),
  },
  'GET /admin/audit': {
    ...own,
    roles: ['admin'],
    good: ({ stranger }) => ({ path: `/admin/audit?actor=${stranger.id}&limit=5` }),
    answers: ({ items }: AuditList, { stranger }) =>
      expect(items.map(({ action, actor_id }) => [action, actor_id])).to.deep.equal([
        ['register', stranger.id],
      ]),
  },
};
