import { integer, optional, text } from './field.ts';

const MiB = 1024 * 1024;

/** Settings about files of users, and where they are kept. */
export const mediaFields = {
  mediaDir: optional({
    name: 'SUHBAT_MEDIA_DIR',
    type: 'a folder',
    read: (given) => (/\S/.test(given) ? given : undefined),
    meaning:
      'Where files are kept without S3_BUCKET: `media` in the data folder, or one that all gateways and services share',
  }),
  mediaQuota: integer({
    name: 'SUHBAT_MEDIA_QUOTA',
    default: 1024 * MiB,
    min: MiB,
    max: 1_048_576 * MiB,
    unit: 'bytes',
    meaning: 'What the files of one user may take',
  }),
  mediaPixels: integer({
    name: 'SUHBAT_MEDIA_PIXELS',
    default: 50_000_000,
    min: 1_000_000,
    max: 500_000_000,
    unit: 'pixels',
    meaning: 'The largest image that is read, all of its frames together; more is refused',
  }),
  s3Endpoint: optional({
    name: 'S3_ENDPOINT',
    type: 'an http:// or https:// URL without a path',
    read: readEndpoint,
    meaning: 'The S3 server; without it Amazon’s of the region',
  }),
  s3PublicEndpoint: optional({
    name: 'S3_PUBLIC_ENDPOINT',
    type: 'an http:// or https:// URL without a path',
    read: readEndpoint,
    meaning: 'The same server as clients reach it, for presigned uploads; S3_ENDPOINT where it is not set',
  }),
  s3Region: text({
    name: 'S3_REGION',
    default: 'us-east-1',
    type: 'a region',
    pattern: /^[a-z0-9-]{1,40}$/,
    meaning: 'The region of the bucket',
  }),
  s3Bucket: optional({
    name: 'S3_BUCKET',
    type: 'the name of a bucket',
    read: (given) => (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(given) ? given : undefined),
    meaning: 'Keeps files in S3 instead of a folder; it is not made here, and must not be public',
  }),
  s3AccessKey: optional({
    name: 'S3_ACCESS_KEY',
    type: 'an access key',
    read: (given) => (/^\S{1,200}$/.test(given) ? given : undefined),
    secret: true,
    meaning: 'May read, write, list and delete in the bucket',
  }),
  s3SecretKey: optional({
    name: 'S3_SECRET_KEY',
    type: 'its secret',
    read: (given) => (/^\S{1,200}$/.test(given) ? given : undefined),
    secret: true,
    meaning: 'Of the access key',
  }),
};

/** A host of the operator's choice, and nothing more: no path, no credentials. */
function readEndpoint(given: string): string | undefined {
  if (!URL.canParse(given)) return undefined;
  const { protocol, origin } = new URL(given);
  return /^https?:$/.test(protocol) && (given === origin || given === `${origin}/`) ? origin : undefined;
}
