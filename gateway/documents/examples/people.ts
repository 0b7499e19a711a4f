import type { RouteExamples } from './example.ts';
import * as no from './refusals.ts';
import * as scene from './scene.ts';

/** The other paths of profiles and of finding people. */

const { ali, vali, guli } = scene.people;
const found = { items: [scene.profileOf('vali')], next_cursor: null };

/** What every path says that sets a username. */
export const namesRefused: RouteExamples = {
  username_taken: {
    summary: "Somebody else's name",
    body: { username: vali.username },
    status: 409,
    refusal: no.usernameTaken,
  },
  username_reserved: {
    summary: 'A name that nobody may have',
    body: { username: 'admin' },
    status: 422,
    refusal: no.usernameReserved,
  },
};

export const peopleExamples: Readonly<Record<string, RouteExamples>> = {
  'GET /api/v1/users/profile': {
    own: { summary: 'Oneself', status: 200, reply: scene.ownProfileOf('ali') },
  },
  'PUT /api/v1/users/profile': {
    set: {
      summary: 'The names stay, a bio is set',
      body: { first_name: ali.first_name, last_name: ali.last_name, bio: 'Choyxonachi' },
      status: 200,
      reply: scene.ownProfileOf('ali', { bio: 'Choyxonachi', updated_at: scene.at(60) }),
    },
    ...namesRefused,
    not_its_field: {
      summary: 'A field that it does not set',
      body: { level: 'B2' },
      status: 400,
      refusal: no.wrongField('/level', 'is not known here'),
    },
  },
  'GET /api/v1/contacts': {
    none: { summary: 'Nobody yet', status: 200, reply: { items: [], next_cursor: null } },
  },
  'PUT /api/v1/contacts/{user_id}': {
    added: { summary: 'Added', params: { user_id: vali.id }, status: 204 },
    no_user: { summary: 'Nobody', params: { user_id: scene.nobodyId }, status: 404, refusal: no.noUser },
    oneself: { summary: 'Oneself', params: { user_id: ali.id }, status: 422, refusal: no.oneself },
  },
  'DELETE /api/v1/contacts/{user_id}': {
    removed: { summary: 'Removed', params: { user_id: vali.id }, status: 204 },
  },
  'POST /users/{id}/block': {
    blocked: { summary: 'Blocked', params: { id: guli.id }, status: 204 },
    no_user: { summary: 'Nobody', params: { id: scene.nobodyId }, status: 404, refusal: no.noUser },
    oneself: { summary: 'Oneself', params: { id: ali.id }, status: 422, refusal: no.oneself },
  },
  'DELETE /users/{id}/block': {
    free: { summary: 'Blocked no more', params: { id: guli.id }, status: 204 },
  },
  'GET /me/blocks': {
    none: { summary: 'Nobody', status: 200, reply: { items: [], next_cursor: null } },
  },
  'GET /api/v1/user': {
    found: {
      summary: 'By the beginning of a name',
      query: { search: vali.username },
      status: 200,
      reply: found,
    },
  },
  'GET /search': {
    found: {
      summary: 'By the beginning of a name',
      query: { username: vali.username },
      status: 200,
      reply: found,
    },
  },
};
