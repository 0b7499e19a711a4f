import type { RouteExamples } from './example.ts';
import * as scene from './scene.ts';

/** Presence, and what operators ask for. Routes without JSON have examples without a reply. */

const { vali, guli } = scene.people;
const offline = { online: false, last_seen_at: null };

export const otherExamples: Readonly<Record<string, RouteExamples>> = {
  'GET /api/v1/users/{id}/presence': {
    offline: {
      summary: 'Not online, and never was',
      params: { id: vali.id },
      status: 200,
      reply: offline,
    },
  },
  'POST /presence/ping': { kept: { summary: 'Online for a minute more', status: 204 } },
  'POST /api/v1/presence': {
    two: {
      summary: 'Vali and Guli',
      body: { user_ids: [vali.id, guli.id] },
      status: 200,
      reply: {
        users: [
          { user_id: vali.id, ...offline },
          { user_id: guli.id, ...offline },
        ],
      },
    },
  },
  'GET /api/v1/events': {
    begun: { summary: 'A stream begins; `resync` comes next', status: 200, reply: 'retry: 2000\n\n' },
  },
  'GET /health': {
    ok: {
      summary: 'All is well',
      status: 200,
      reply: {
        status: 'ok',
        version: '0.1.0',
        commit: 'd7964c0f3f0a2c7b9e51d86a4f13e0b2c5d7a890',
        uptime_s: 86_400,
        checks: { journal: { status: 'ok' }, database: { status: 'ok' } },
      },
    },
  },
  'GET /.well-known/jwks.json': {
    keys: {
      summary: 'One key',
      status: 200,
      reply: {
        keys: [
          {
            kty: 'EC',
            crv: 'P-256',
            x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
            y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
            kid: 'k1',
            use: 'sig',
            alg: 'ES256',
          },
        ],
      },
    },
  },
};
