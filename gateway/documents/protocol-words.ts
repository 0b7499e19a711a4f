import { closeCodes } from '../../schemas/errors.ts';
import type { RequestType } from '../../schemas/frames/client.ts';
import type { EventType } from '../../schemas/frames/server.ts';
import { limits } from '../../schemas/limits.ts';

/** The WebSocket protocol in words: what stands in its document beside the schemas. */

export const requestWords: Record<RequestType, string> = {
  ping: 'Is the socket alive? For clients that cannot see WebSocket pings',
  auth: 'Authenticates the socket, and renews its token later',
  sync: 'Which chats differ from what the client holds',
  'chat.create': 'Makes a chat, or finds the private chat that is there',
  'chat.get': 'One chat and a page of its members',
  'chat.update': 'Changes the title, about or public name of a group',
  'chat.join': 'Joins a group that has a public name',
  'chat.leave': 'Leaves a group',
  'member.add': 'Adds members to a group',
  'member.remove': 'Removes a member; oneself: leaves',
  'member.role': "Changes a member's role",
  'message.send': 'Sends a message; the same client_id again gives the same message',
  'message.edit': "Edits one's own message",
  'message.delete': 'Deletes a message; it keeps its place, empty',
  'reaction.set': "Sets the caller's reaction, or takes it back",
  history: 'A page of the history',
  read: "Moves the caller's read mark forward",
  typing: 'Tells that the caller is typing, or has stopped',
  'presence.watch': 'Whose presence this socket is told; replaces the list before',
};

export const eventWords: Record<EventType, string> = {
  ready: 'The socket is authenticated and hears its chats',
  'message.new': 'A message',
  'message.changed': 'A message after it was edited, deleted or reacted to',
  'chat.new': 'The user has become a member of this chat',
  'chat.gone': 'The user no longer is a member of this chat',
  read: "A member's read mark has moved; in chats of up to 200 members",
  typing: 'A member is typing, or has stopped; ends by itself after 6 s',
  presence: 'A watched user has come or gone',
  resync: 'Frames may be missing: `sync`. Without a chat_id: of any chat',
  bye: 'The server is about to close this socket',
};

const closings: Record<keyof typeof closeCodes, string> = {
  draining: 'the server is draining (after `bye`)',
  unauthenticated: 'not authenticated, or the token expired',
  misuse: 'protocol misuse',
  revoked: 'login revoked or user banned',
  too_slow: 'too slow: the send buffer passed its limit. Usually arrives as 1006',
  too_many: 'too many requests, sustained',
  too_large: 'a frame of 64 to 256 KiB; beyond that the socket just ends (1006)',
};

/** Opening, requests, events and closing, as Markdown. */
export function protocolDescription(): string {
  const rows = Object.entries(closeCodes).map(([name, { code, reconnect }]) => {
    return `| ${code} | ${closings[name as keyof typeof closeCodes]} | ${reconnect ? 'yes' : 'no'} |`;
  });
  return `Text frames, one JSON object each, UTF-8, at most ${limits.frame / 1024} KiB from a client.

**Opening.** The user is authenticated by the first of these that is present: \`Authorization: Bearer …\` on
the upgrade; \`?ticket=\` from \`POST /api/v1/ws-ticket\`, good once, for 30 s; the frame \`auth\` within 10 s.
A browser's \`Origin\` must be on the allowlist. Then the server sends \`ready\`. Before \`token_expires_at\`
the client sends \`auth\` with a fresh token.

**Requests** have an \`id\` of the client's own; each gets exactly one reply, which names it in \`re\`: \`ok\`
with fields, or \`error\`. Requests of one connection to one chat take effect in the order sent. An error
without \`re\` answers what had no usable \`id\`. \`retryable\` means: repeating the same request is safe and may
succeed. Code \`timeout\` means that the outcome is unknown.

**Events** have no \`re\`. Each durable event takes one seq of its chat: \`seq\` of \`message.new\`,
\`changed_seq\` of \`message.changed\`. Who holds N and receives N+2 has missed one and asks \`history\` with
\`after: N\`; an event at or below what the client holds is a repeat. Clients ignore event types and fields
that they do not know.

**Closing.**

| code | means | reconnect |
| --- | --- | --- |
${rows.join('\n')}
`;
}
