import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import Type from 'typebox';
import type { Answer, Route, RouteRequest } from '../../../gateway/http/route.ts';
import { Id, Strict } from '../../../schemas/common.ts';
import { fail } from '../../../schemas/errors.ts';
import { type GatewayTest, startGateway } from './support.ts';

/** What reached the handlers of some routes, and those that wait for their answer; both empty for each test. */
export interface Things {
  readonly gateway: GatewayTest;
  readonly seen: RouteRequest[];
  readonly waiting: ((answer: Answer) => void)[];
  post(
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers?: Record<string, string>,
  ): Promise<Response>;
}

/**
 * A gateway with routes that do nothing but answer, well or badly. Its clock runs ten times as fast as ours;
 * `callTimeout`, by that clock, is more than a busy machine needs.
 */
export function useThings(callTimeout = 50_000): Things {
  const seen: RouteRequest[] = [];
  const waiting: ((answer: Answer) => void)[] = [];
  let gateway: GatewayTest;

  const row = (route: Partial<Route> & Pick<Route, 'method' | 'path'>): Route => ({
    summary: '',
    auth: 'open',
    limit: 'none',
    replies: {},
    async handle(request) {
      seen.push(request);
      return { status: 200, body: { params: request.params, query: request.query, body: request.body } };
    },
    ...route,
  });

  const routes: Route[] = [
    row({ method: 'GET', path: '/things/{id}' }),
    row({
      method: 'POST',
      path: '/things',
      body: Strict({ name: Type.String(), other_id: Type.Optional(Id) }),
    }),
    row({ method: 'PATCH', path: '/things/{id}', body: Strict({ name: Type.Optional(Type.String()) }) }),
    row({
      method: 'GET',
      path: '/search',
      query: Type.Object({ q: Type.Optional(Type.String({ maxLength: 5 })) }),
    }),
    row({ method: 'GET', path: '/mine', auth: 'user' }),
    row({ method: 'DELETE', path: '/mine', handle: async () => ({ status: 204 }) }),
    row({
      method: 'GET',
      path: '/later',
      handle: () => new Promise((resolve) => waiting.push(resolve)),
    }),
    row({
      method: 'POST',
      path: '/upload',
      upload: { most: 4 * 1024 * 1024, type: 'application/octet-stream', schema: Type.String() },
      async handle(request) {
        // As a disk does: more comes meanwhile.
        while ((await request.upload?.read()) !== undefined) await pause(5);
        return new Promise((resolve) => waiting.push(resolve));
      },
    }),
    row({
      method: 'GET',
      path: '/broken',
      handle: async () => {
        throw new Error('a secret of ours');
      },
    }),
    row({
      method: 'GET',
      path: '/refused',
      handle: async () => {
        throw fail('conflict', { reason: 'taken', detail: 'Somebody was quicker' });
      },
    }),
    row({
      method: 'GET',
      path: '/split',
      handle: async () => ({ status: 200, body: {}, headers: { Location: 'a\r\nSet-Cookie: b' } }),
    }),
  ];

  before(async () => {
    gateway = await startGateway({ routes, hurry: 10, settings: { callTimeout } });
  });
  after(() => gateway.stop());
  beforeEach(() => {
    seen.length = 0;
    waiting.length = 0;
  });

  return {
    get gateway() {
      return gateway;
    },
    seen,
    waiting,
    post: (path, body, headers = {}) =>
      fetch(gateway.base + path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      }),
  };
}

/** The problem document that an answer must be. */
export async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).to.equal('application/problem+json');
  return (await response.json()) as Record<string, unknown>;
}
