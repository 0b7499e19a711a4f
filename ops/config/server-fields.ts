import { integer, list, optional, text } from './field.ts';
import { mediaFields } from './media-fields.ts';

/** Settings about the servers that a process speaks to, and about its place among them. */
export const serverFields = {
  databaseUrl: optional({
    name: 'DATABASE_URL',
    type: 'a postgres:// URL',
    read: (given) => (isDatabaseUrl(given) ? given : undefined),
    secret: true,
    meaning: 'PostgreSQL 15 or later; without it one is run from the data folder',
  }),
  databasePool: integer({
    name: 'SUHBAT_DATABASE_POOL',
    default: 10,
    min: 2,
    max: 1000,
    unit: 'connections',
    meaning: 'Connections for everything but the write-behind',
  }),
  natsUrl: optional({
    name: 'NATS_URL',
    type: 'nats:// URLs of one cluster, separated by commas',
    read: (given) => (given.split(',').every((url) => isUrl(url.trim(), 'nats', 'tls')) ? given : undefined),
    secret: true,
    meaning:
      'Joins this process to a cluster, whose journal is in JetStream; without it this is all of Suhbat',
  }),
  redisUrl: optional({
    name: 'REDIS_URL',
    type: 'a redis:// or rediss:// URL',
    read: (given) => (isUrl(given, 'redis', 'rediss') ? given : undefined),
    secret: true,
    meaning: 'What is shared for a short time: tickets, rate limits, who is online; required with NATS_URL',
  }),
  namespace: text({
    name: 'SUHBAT_NAMESPACE',
    default: 'suhbat',
    type: 'up to 32 letters, digits, - and _',
    pattern: /^[A-Za-z0-9_-]{1,32}$/,
    meaning: 'Keeps deployments apart that share one NATS or Redis',
  }),
  journalReplicas: integer({
    name: 'SUHBAT_JOURNAL_REPLICAS',
    default: 1,
    min: 1,
    max: 5,
    meaning: 'Servers that keep each record of the JetStream journal; above 1 needs nats-server 2.11',
  }),
  opsHost: text({
    name: 'SUHBAT_OPS_HOST',
    default: '127.0.0.1',
    type: 'an address or host name',
    pattern: /^[A-Za-z0-9.:_-]+$/,
    meaning: 'Address for health and metrics in a cluster',
  }),
  opsPort: integer({
    name: 'SUHBAT_OPS_PORT',
    default: 9464,
    min: 0,
    max: 65_535,
    meaning: 'Port for health and metrics in a cluster; 0 picks a free one',
  }),
  smtpUrl: optional({
    name: 'SMTP_URL',
    type: 'an smtp:// or smtps:// URL',
    read: (given) => (isUrl(given, 'smtp', 'smtps') ? given : undefined),
    secret: true,
    meaning: 'Mail server, with user and password; without it mails are files in the data folder',
  }),
  mailFrom: text({
    name: 'MAIL_FROM',
    default: 'Suhbat <noreply@localhost>',
    type: 'a mail address, with or without a name',
    pattern: /^([^\p{Cc}<>",;:@]{1,64} <)?[^\s\p{Cc}<>,;:"@]{1,64}@[A-Za-z0-9.-]{1,253}>?$/u,
    meaning: 'Whom mails come from',
  }),
  ...mediaFields,
  publicUrl: optional({
    name: 'PUBLIC_URL',
    type: 'an origin such as https://chat.example',
    read: (given) => (isOrigin(given) ? given : undefined),
    meaning: 'Where browsers reach this deployment; Google sends them back there',
  }),
  googleClientId: optional({
    name: 'GOOGLE_CLIENT_ID',
    type: 'a client id of Google',
    read: (given) => (/^[\x21-\x7e]{1,256}$/.test(given) ? given : undefined),
    meaning: 'Sign-in with Google; needs GOOGLE_CLIENT_SECRET and PUBLIC_URL too',
  }),
  googleClientSecret: optional({
    name: 'GOOGLE_CLIENT_SECRET',
    type: 'the secret of that client',
    read: (given) => (/^[\x21-\x7e]{1,256}$/.test(given) ? given : undefined),
    secret: true,
    meaning: 'Proves to Google that it is us',
  }),
  googleIssuer: text({
    name: 'GOOGLE_ISSUER',
    default: 'https://accounts.google.com',
    type: 'an https:// URL, or http:// on this machine',
    pattern: /^(https:\/\/[^\s/]+|http:\/\/(127\.0\.0\.1|localhost)(:\d+)?)(\/\S*)?$/,
    meaning: 'Another OpenID provider in the place of Google, for tests',
  }),
  returnTo: list({
    name: 'RETURN_TO',
    default: [],
    type: 'a list of URLs such as https://chat.example/in',
    item: (item) => (isReturn(item) ? item : undefined),
    meaning: 'Where browsers may be sent after signing in with Google, to the letter',
  }),
};

/** An app's own scheme will do, but nothing that a browser runs. */
function isReturn(text: string): boolean {
  return URL.canParse(text) && !text.includes('#') && !/^(javascript|data|vbscript|file|blob):/i.test(text);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text;
}

function isUrl(text: string, ...schemes: string[]): boolean {
  return (
    URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)) && new URL(text).host !== ''
  );
}

/** A missing host is a socket's, whose folder stands in the query. */
function isDatabaseUrl(text: string): boolean {
  return /^postgres(ql)?:\/\/\S+$/.test(text) && URL.canParse(text.replace('@/', '@localhost/'));
}
