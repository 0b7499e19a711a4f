import { integer, optional, text } from './field.ts';
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
};

function isUrl(text: string, ...schemes: string[]): boolean {
  return (
    URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)) && new URL(text).host !== ''
  );
}

/** A missing host is a socket's, whose folder stands in the query. */
function isDatabaseUrl(text: string): boolean {
  return /^postgres(ql)?:\/\/\S+$/.test(text) && URL.canParse(text.replace('@/', '@localhost/'));
}
