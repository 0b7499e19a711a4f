import { randomBytes } from 'node:crypto';
import * as scene from '../../../gateway/documents/examples/scene.ts';
import type { Chat } from '../../../schemas/chat/wire.ts';
import type { Tokens } from '../../../schemas/rest/accounts.ts';
import type { File, Presigned } from '../../../schemas/rest/media.ts';
import { eventually } from '../../support/eventually.ts';
import { giveRole } from '../../support/roles.ts';

/** The world of the examples on a real server: built anew for each, so that none disturbs another. */
export interface World {
  tokens: Record<scene.Person, string>;
  /** An example's value with the ids and names of this world. */
  real<T>(value: T): T;
  /** The other way round. */
  example<T>(value: T): T;
  /** Until what was said can be found: a search is behind by the time of a flush. */
  settled(): Promise<void>;
}

export async function buildWorld(url: string): Promise<World> {
  const names = Object.keys(scene.people) as scene.Person[];
  const entered = await Promise.all(names.map((name) => register(url, name)));
  const [ali, vali, guli, laylo] = entered as [Tokens, Tokens, Tokens, Tokens];
  await giveRole(url, laylo.user.id, 'admin');
  const as = (tokens: Tokens) => asker(url, tokens.access_token);

  const group = await as(ali)<Chat>('POST', '/api/v1/chats', {
    type: 'group',
    title: 'Choyxona',
    about: 'Choy ustida suhbat',
    member_ids: [vali.user.id],
  });
  const inGroup = `/api/v1/chats/${group.id}`;
  const groupName = fresh(scene.groupName);
  await as(ali)('PATCH', inGroup, { username: groupName });
  const { greeting, reply, whisper } = scene;
  await as(ali)('POST', `${inGroup}/messages`, { text: greeting.text, client_id: greeting.client_id });
  const answer = { text: reply.text, client_id: reply.client_id, reply_to: reply.reply_to };
  await as(vali)('POST', `${inGroup}/messages`, answer);
  await as(vali)('PUT', `${inGroup}/messages/4/reaction`, { emoji: '❤️' });

  const pair = await as(ali)<Chat>('POST', '/api/v1/chats', { type: 'private', user_id: vali.user.id });
  const said = { text: whisper.text, client_id: whisper.client_id };
  await as(vali)('POST', `/api/v1/chats/${pair.id}/messages`, said);

  const files = await sendFiles(url, ali.access_token);

  const reals = new Map<string, string>([
    ...files,
    [scene.groupId, group.id],
    [scene.privateId, pair.id],
    [scene.groupName, groupName],
    [scene.loginId, loginOf(ali.access_token)],
    [scene.accessToken, ali.access_token],
    [scene.refreshToken, ali.refresh_token],
    ['nodira', fresh('nodira')],
    ['nodira@example.com', `${fresh('nodira.')}@example.com`],
  ]);
  for (const [at, name] of names.entries()) {
    const { user } = entered[at] as Tokens;
    reals.set(scene.people[name].id, user.id);
    reals.set(name, user.username);
    reals.set(scene.people[name].email, user.email ?? '');
  }
  const examples = new Map([...reals].map(([example, real]) => [real, example]));
  return {
    tokens: {
      ali: ali.access_token,
      vali: vali.access_token,
      guli: guli.access_token,
      laylo: laylo.access_token,
    },
    real: (value) => exchange(value, reals) as never,
    example: (value) => exchange(value, examples) as never,
    settled: () =>
      eventually(async () => {
        const headers = { Authorization: `Bearer ${ali.access_token}` };
        const response = await fetch(`${url}/messages/search?q=${encodeURIComponent(reply.text)}`, {
          headers,
        });
        const { items } = (await response.json()) as { items: unknown[] };
        return items.length === 1 || 'the reply is not found';
      }),
  };
}

/** Ali's files: those that are there, one that was sent, and two that are awaited. */
async function sendFiles(url: string, token: string): Promise<[string, string][]> {
  const { fileText: note, noteType } = scene;
  const upload = async (bytes: BlobPart, name: string): Promise<string> => {
    const form = new FormData();
    form.append('file', new Blob([bytes]), name);
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/upload`, { method: 'POST', headers, body: form });
    return ((await response.json()) as File).file_id;
  };
  const presign = (method: 'PUT' | 'POST') =>
    asker(url, token)<Presigned>('POST', '/uploads/presign', {
      ...{ content_type: noteType, size: note.length, kind: 'file', method },
    });
  const [sent, put, post] = await Promise.all([presign('PUT'), presign('PUT'), presign('POST')]);
  await fetch(url + sent.url, { method: 'PUT', headers: { 'Content-Type': noteType }, body: note });
  const query = Object.fromEntries(new URLSearchParams(put.url.split('?')[1]));
  const fields = 'fields' in post ? post.fields : {};
  const pairs = (names: Record<string, string>, values: Record<string, string>) =>
    ['expires', 'sig'].map((name): [string, string] => [names[name] ?? '', values[name] ?? '']);
  return [
    [scene.fileId, await upload(note, 'royxat.txt')],
    [scene.pictureId, await upload(new Uint8Array(Buffer.from(scene.pixel, 'base64')), 'nuqta.png')],
    [scene.sentId, sent.file_id],
    [scene.promisedId, put.file_id],
    [scene.formId, post.file_id],
    ...pairs(scene.promised, query),
    ...pairs(scene.promisedForm, fields),
  ];
}

/** Letters at random, so that no search finds one name by another. */
function fresh(name: string): string {
  return name + Array.from(randomBytes(12), (byte) => String.fromCharCode(97 + (byte % 26))).join('');
}

async function register(url: string, name: scene.Person): Promise<Tokens> {
  const { first_name, last_name } = scene.people[name];
  const body = {
    username: fresh(name),
    email: `${fresh(name)}@example.com`,
    password: scene.password,
    first_name,
    last_name,
  };
  return asker(url)('POST', '/api/v1/auth/register', body);
}

function asker(url: string, token?: string) {
  return async <Body>(method: string, path: string, body: object): Promise<Body> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': scene.device,
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path} was refused: ${await response.text()}`);
    return (await response.json()) as Body;
  };
}

function loginOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid as string;
}

/** Replaces whole strings, names of fields too, wherever they stand. */
function exchange(value: unknown, by: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return by.get(value) ?? value;
  if (Array.isArray(value)) return value.map((item) => exchange(item, by));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [by.get(name) ?? name, exchange(field, by)]);
  return Object.fromEntries(fields);
}
