import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { type Ceph, startCeph } from './ceph.ts';

/** A real server that speaks S3, with one empty bucket. */
export interface S3Server extends Ceph {
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** What a program is told of it. */
  readonly env: Record<string, string>;
  /** Of everything in the bucket, up to a thousand. */
  keys(): Promise<string[]>;
}

const region = 'us-east-1';
const bucket = 'suhbat-files';
const [accessKey, secretKey] = ['suhbat-test', 'a-secret-of-the-tests-alone'];

/** Ceph's: kept, in Debian, and strict: it checks signatures, signed lengths and the policies of forms. */
export async function startS3(): Promise<S3Server> {
  const ceph = await startCeph({ accessKey, secretKey });
  const { endpoint } = ceph;
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const client = new S3Client({ region, endpoint, credentials, forcePathStyle: true });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    await ceph.stop();
    throw error;
  }
  return {
    ...ceph,
    ...{ bucket, accessKey, secretKey },
    env: {
      S3_ENDPOINT: endpoint,
      S3_BUCKET: bucket,
      S3_ACCESS_KEY: accessKey,
      S3_SECRET_KEY: secretKey,
    },
    async keys() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      return Contents.map(({ Key = '' }) => Key);
    },
    async stop() {
      client.destroy();
      await ceph.stop();
    },
  };
}
