import { StartError } from '../process/start-error.ts';
import type { Field } from './field.ts';
import { fields, roles } from './fields.ts';
import { nearest } from './nearest.ts';

/** The settings of this process, by the keys of the field table. Read once, at the start, and frozen. */
export type Config = {
  readonly [Key in keyof typeof fields]: (typeof fields)[Key] extends Field<infer T> ? T : never;
};

/** What the environment looks like: `process.env`, or a test's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings, or `help` where the arguments ask for it. Throws a StartError that names everything that
 * is wrong at once. Pure.
 */
export function loadConfig(env: Environment, argv: readonly string[]): Config | 'help' {
  if (argv.some((argument) => argument === '--help' || argument === '-h')) return 'help';
  const problems = [...unknownArguments(argv), ...unknownSettings(env)];
  const values: Record<string, unknown> = {};
  for (const [key, field] of Object.entries<Field<unknown>>(fields)) {
    const text = env[field.name] ?? '';
    if (text === '') values[key] = field.default;
    else {
      values[key] = field.parse(text);
      if (values[key] === undefined) problems.push(wrong(field, text));
    }
  }
  const config = values as Config;
  problems.push(...clusterProblems(config), ...mediaProblems(config), ...googleProblems(config));
  if (config.journalSegment > config.journalMax / 4) problems.push(tooLargeSegment(config));
  if (problems.length > 0) throw new StartError(`Suhbat cannot start: ${problems.join('; ')}.`);
  return Object.freeze(config);
}

function unknownArguments(argv: readonly string[]): string[] {
  return argv.map((argument) => `${JSON.stringify(argument)} is not an argument (there is only --help)`);
}

function unknownSettings(env: Environment): string[] {
  const known = Object.values<Field<unknown>>(fields).map((field) => field.name);
  return Object.keys(env)
    .filter((name) => name.startsWith('SUHBAT_') && !known.includes(name))
    .map((name) => `${name} is not a setting (did you mean ${nearest(name, known)}?)`);
}

function tooLargeSegment({ journalSegment, journalMax }: Config): string {
  return `SUHBAT_JOURNAL_SEGMENT, ${journalSegment}, must be at most a quarter of SUHBAT_JOURNAL_MAX, ${journalMax}`;
}

function wrong(field: Field<unknown>, text: string): string {
  const given = field.secret ? '' : `, not ${JSON.stringify(text)}`;
  return `${field.name} must be ${field.type}${given}`;
}

/** Half of it would only be noticed by who signs in. */
function googleProblems({ googleClientId, googleClientSecret, publicUrl }: Config): string[] {
  const given = [googleClientId, googleClientSecret].filter((setting) => setting !== undefined).length;
  if (given === 1) return ['GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET must be set together'];
  return given === 2 && publicUrl === undefined ? ['PUBLIC_URL must be set with GOOGLE_CLIENT_ID'] : [];
}

/** A part of the roles is of no use alone, and processes of a cluster share what one alone keeps to itself. */
function clusterProblems(config: Config): string[] {
  const { roles: own, natsUrl, databaseUrl, redisUrl, s3Bucket, mediaDir } = config;
  if (own === undefined) return [];
  if (natsUrl === undefined)
    return own.length < roles.length ? ['SUHBAT_ROLES must name all roles where NATS_URL is not set'] : [];
  const problems: string[] = [];
  if (s3Bucket === undefined && mediaDir === undefined && own.some((role) => role !== 'actors'))
    problems.push('S3_BUCKET, or SUHBAT_MEDIA_DIR with a folder that all share, must be set with NATS_URL');
  if (databaseUrl === undefined && own.some((role) => role !== 'gateway'))
    problems.push('DATABASE_URL must be set with NATS_URL');
  if (redisUrl === undefined) problems.push('REDIS_URL must be set with NATS_URL');
  return problems;
}

/** A bucket needs its keys, and nothing else of S3 means anything without a bucket. */
function mediaProblems({
  s3Bucket,
  s3AccessKey,
  s3SecretKey,
  s3Endpoint,
  s3PublicEndpoint,
}: Config): string[] {
  if (s3Bucket !== undefined)
    return s3AccessKey === undefined || s3SecretKey === undefined
      ? ['S3_ACCESS_KEY and S3_SECRET_KEY must be set with S3_BUCKET']
      : [];
  const given = { S3_ENDPOINT: s3Endpoint, S3_PUBLIC_ENDPOINT: s3PublicEndpoint, S3_ACCESS_KEY: s3AccessKey };
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} means nothing without S3_BUCKET`],
  );
}
