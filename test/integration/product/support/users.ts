import { expect } from 'chai';
import type { Chat } from '../../../../schemas/chat/wire.ts';
import type { UserShort } from '../../../../schemas/common.ts';
import type { Tokens } from '../../../../schemas/rest/accounts.ts';
import { giveRole } from '../../../support/roles.ts';
import { product } from './program.ts';
import { type Answer, type AskOptions, rest } from './rest.ts';
import { freshAddress, freshName, freshPassword, keepSecret, say } from './secrets.ts';
import { openSocket, type Socket } from './socket.ts';

/** Somebody who has registered. */
export interface User {
  id: string;
  login_id: string;
  username: string;
  email: string;
  password: string;
  tokens: Tokens;
  /** As chats show this user. */
  short: UserShort;
  /** Asks over REST with this user's access token. */
  rest<Body = never>(method: string, path: string, body?: unknown, more?: AskOptions): Promise<Answer<Body>>;
  /** A socket that is ready. */
  open(): Promise<Socket>;
  /** The same user on another device. */
  again(): Promise<User>;
}

/** The login that an access token speaks for. */
function loginOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid as string;
}

export function userOf(tokens: Tokens, email: string, password: string): User {
  keepSecret(tokens.access_token);
  keepSecret(tokens.refresh_token);
  const { id, username, display_name } = tokens.user;
  const token = tokens.access_token;
  return {
    id,
    login_id: loginOf(token),
    username,
    email,
    password,
    tokens,
    short: { id, username, display_name, avatar: null },
    rest: (method, path, body, more) => rest(method, path, { token, body, ...more }),
    async open() {
      const socket = await openSocket(product().url, { token });
      await socket.event('ready');
      return socket;
    },
    async again() {
      const { status, body } = await rest<Tokens>('POST', '/api/v1/auth/login', {
        body: { username, password },
      });
      expect(status).to.equal(200);
      return userOf(body, email, password);
    },
  };
}

export async function newUser(name = 'user'): Promise<User> {
  const [username, email, password] = [freshName(name), freshAddress(), freshPassword()];
  const { status, body } = await rest<Tokens>('POST', '/api/v1/auth/register', {
    body: { username, email, password },
  });
  expect(status).to.equal(201);
  return userOf(body, email, password);
}

export async function newUsers<Names extends string[]>(
  ...names: Names
): Promise<{ [At in keyof Names]: User }> {
  return (await Promise.all(names.map(newUser))) as { [At in keyof Names]: User };
}

/** A user with an open socket. */
export interface Person extends User {
  socket: Socket;
}

export async function newPeople<Names extends string[]>(
  ...names: Names
): Promise<{ [At in keyof Names]: Person }> {
  const made = names.map(async (name): Promise<Person> => {
    const user = await newUser(name);
    return { ...user, socket: await user.open() };
  });
  return (await Promise.all(made)) as { [At in keyof Names]: Person };
}

/** A group of these; each of them has been told. */
export async function newGroup(owner: Person, ...others: Person[]): Promise<Chat> {
  const member_ids = others.map(({ id }) => id);
  const { chat } = await owner.socket.request('chat.create', {
    chat_type: 'group',
    title: say('group'),
    member_ids,
  });
  const told = [owner, ...others].map(({ socket }) =>
    socket.until('chat.new', () => socket.events('chat.new').some((event) => event.chat.id === chat.id)),
  );
  await Promise.all(told);
  return chat;
}

export async function newPrivate(one: Person, other: Person): Promise<Chat> {
  const { chat } = await one.socket.request('chat.create', { chat_type: 'private', user_id: other.id });
  const told = [one, other].map(({ socket }) =>
    socket.until('chat.new', () => socket.events('chat.new').some((event) => event.chat.id === chat.id)),
  );
  await Promise.all(told);
  return chat;
}

/** Somebody of a role, on whom no test may act. */
export interface Staff {
  moderator: User;
  admin: User;
}

const staffOf = new Map<string, Promise<Staff>>();

/** A moderator and an admin of the shared program. */
export function staff(): Promise<Staff> {
  const { url } = product();
  const made = staffOf.get(url) ?? makeStaff(url);
  staffOf.set(url, made);
  return made;
}

async function makeStaff(url: string): Promise<Staff> {
  const [moderator, admin] = await newUsers('moder', 'admin');
  await giveRole(url, moderator.id, 'moderator');
  await giveRole(url, admin.id, 'admin');
  return { moderator, admin };
}
