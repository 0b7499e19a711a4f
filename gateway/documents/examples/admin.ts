import type { AuditLog, ManagedUser } from '../../../schemas/rest/admin.ts';
import type { RouteExamples } from './example.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** Laylo, an admin, at work. */

const { vali, guli } = scene.people;

function managed(changes: Partial<ManagedUser> = {}): ManagedUser {
  const { id, number, username, display_name, created_at } = scene.profileOf('guli');
  return {
    id,
    number,
    username,
    display_name,
    role: 'user',
    banned_at: null,
    last_seen_at: null,
    created_at,
    ...changes,
  };
}

const registered: AuditLog = {
  id: '0198a3c5-0c4f-7d11-8a40-2f6e9b7c5d41',
  actor_id: guli.id,
  action: 'register',
  target_type: null,
  target_id: null,
  detail: { login_id: '0198a3c5-0c50-7b2e-9c63-71d0e4a8f642', way: 'password' },
  ip: '203.0.113.9',
  request_id: 'kX3v9QaB.1c',
  created_at: scene.at(0),
};

const notPermitted = {
  summary: 'For somebody without that role',
  status: 403,
  refusal: no.because('forbidden', 'not_permitted', 'This needs a higher role'),
} as const;
const equal = no.because('forbidden', 'role_not_lower', 'Nobody acts on an equal or higher role');
const onGuli = { by: 'laylo', params: { id: guli.id } } as const;
const onLaylo = { by: 'laylo', params: { id: scene.people.laylo.id } } as const;

export const adminExamples: Readonly<Record<string, RouteExamples>> = {
  'GET /admin/users': {
    found: {
      summary: 'By a part of a name',
      by: 'laylo',
      query: { search: guli.username },
      status: 200,
      reply: { items: [managed()], next_cursor: null },
    },
    not_permitted: notPermitted,
  },
  'POST /admin/users/{id}/ban': {
    banned: { summary: 'Banned', ...onGuli, status: 200, reply: managed({ banned_at: scene.at(60) }) },
    equal: { summary: 'An equal, or oneself', ...onLaylo, status: 403, refusal: equal },
    nobody: {
      summary: 'No such user',
      by: 'laylo',
      params: { id: scene.nobodyId },
      status: 404,
      refusal: no.noUser,
    },
    not_permitted: { ...notPermitted, params: { id: vali.id } },
  },
  'POST /admin/users/{id}/unban': {
    unbanned: { summary: 'Not banned (any more)', ...onGuli, status: 200, reply: managed() },
    not_permitted: { ...notPermitted, params: { id: vali.id } },
  },
  'PUT /admin/users/{id}/role': {
    moderator: {
      summary: 'A new moderator',
      ...onGuli,
      body: { role: 'moderator' },
      status: 200,
      reply: managed({ role: 'moderator' }),
    },
    not_permitted: { ...notPermitted, params: { id: vali.id }, body: { role: 'admin' } },
  },
  'GET /admin/audit': {
    registered: {
      summary: 'When Guli registered',
      by: 'laylo',
      query: { actor: guli.id, action: 'register' },
      status: 200,
      reply: { items: [registered], next_cursor: null },
    },
    not_permitted: notPermitted,
  },
};
