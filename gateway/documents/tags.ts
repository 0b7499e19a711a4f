/** The chapters of the OpenAPI document; the first whose pattern fits a path has it. */
export const tags: readonly { name: string; description: string; paths: RegExp }[] = [
  {
    name: 'Logging in',
    description: 'Accounts, tokens and devices.',
    paths: /^\/api\/v1\/(auth\/|ws-ticket|login$|register$|verify-register$)|^\/auth\//,
  },
  { name: 'Administration', description: 'For moderators and admins.', paths: /^\/admin\// },
  { name: 'Files', description: 'Uploads, files and avatars.', paths: /^\/(upload|media|me\/avatar)/ },
  { name: 'Presence', description: 'Who is online.', paths: /presence/ },
  {
    name: 'People',
    description: 'Profiles, and finding people.',
    paths: /^\/me$|^\/api\/v1\/users?(\/|$)|^\/search$|^\/api\/v1\/contacts|^\/users\/|^\/me\/blocks/,
  },
  {
    name: 'Messages',
    description:
      'Writing, changing, reading and finding messages. All but finding are twins of WebSocket requests.',
    paths: /^\/api\/v1\/chats\/\{id\}\/(messages|read|typing)|^\/messages\//,
  },
  {
    name: 'Chats',
    description: 'Private chats and groups, their members, and catching up.',
    paths: /^\/api\/v1\/(chats|sync|events)/,
  },
  {
    name: 'Documents',
    description: 'This document, that of the WebSocket, and their reader.',
    paths: /^\/(openapi\.json|asyncapi\.json|swagger)/,
  },
  { name: 'System', description: 'The web client, and what operators and probes ask for.', paths: /^/ },
];

export function tagOf(path: string): string {
  return tags.find(({ paths }) => paths.test(path))?.name ?? 'System';
}
