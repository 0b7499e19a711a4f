import { join } from 'node:path';
import { openLocalObjects } from '../objects/local-objects.ts';
import type { Objects } from '../objects/objects.ts';
import { StartError } from '../process/start-error.ts';
import { namespaced } from '../telemetry/logger.ts';
import type { Process } from './process.ts';

/** Where files lie: S3 where there is a bucket, else a folder. `secret`: the same in all processes. */
export function openObjects({ life, config, clock, logger }: Process, secret: string): Promise<Objects> {
  const { s3Bucket: bucket, s3AccessKey: accessKey = '', s3SecretKey: secretKey = '' } = config;
  const log = namespaced(logger, 'objects');
  const onError = (why: object) => log.warn(why, 'the object store has failed');
  const dir = config.mediaDir ?? join(config.dataDir, 'media');
  return life.part(
    'objects',
    async () => {
      if (bucket === undefined)
        return openLocalObjects({ dir, secret, clock, onError }).catch((error) => {
          throw new StartError(`Suhbat cannot start: files cannot be kept in ${dir}.`, error);
        });
      // Its client is the largest of all libraries: loaded only where there is a bucket.
      const { openS3Objects } = await import('../objects/s3-objects.ts');
      return openS3Objects({
        endpoint: config.s3Endpoint,
        publicEndpoint: config.s3PublicEndpoint,
        region: config.s3Region,
        bucket,
        accessKey,
        secretKey,
        onError,
      });
    },
    (objects) => objects.close(),
  );
}
