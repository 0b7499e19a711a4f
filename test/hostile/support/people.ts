import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import { httpClient } from './http-client.ts';
import type { Target } from './target.ts';

/** Somebody who has registered. */
export interface User {
  id: string;
  username: string;
  email: string;
  password: string;
  token: string;
  login_id: string;
  refresh_token: string;
}

export async function newUser(target: Target): Promise<User> {
  const username = `u_${randomBytes(8).toString('hex')}`;
  const body = { username, email: `${username}@people.example`, password: 'correct horse battery' };
  const client = httpClient(target.port);
  const { status, json } = await client.ask('POST', '/api/v1/auth/register', { body: JSON.stringify(body) });
  client.close();
  expect(status, JSON.stringify(json)).to.equal(201);
  return userOf(json as unknown as Tokens, body);
}

function userOf(tokens: Tokens, given: { username: string; email: string; password: string }): User {
  const { access_token, refresh_token, user } = tokens;
  return {
    ...given,
    id: user.id,
    token: access_token,
    login_id: claimsOf(access_token).sid as string,
    refresh_token,
  };
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}
