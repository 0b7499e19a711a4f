import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startChild } from '../../ops/cluster/child.ts';
import { onPath } from '../../ops/cluster/find-program.ts';
import { eventually } from './eventually.ts';

/** A real server that speaks S3, with one bucket, on a folder of its own. */
export interface S3Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** What a program is told of it. */
  readonly env: Record<string, string>;
  /** As on a broken network: it takes connections, and answers nothing. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Kept, and strict: it checks signatures, signed lengths and the policies of forms. Neither Debian nor npm has it. */
const server = onPath(['versitygw']);

/** Where no server is to be had, the sentence that says why. */
export const s3Missing = server === undefined ? 'versitygw is not on PATH' : undefined;

export async function startS3(): Promise<S3Server> {
  if (server === undefined) throw new Error(s3Missing);
  const dir = await mkdtemp(join(tmpdir(), 'suhbat-s3-'));
  const bucket = 'suhbat-files';
  const [data, meta] = [join(dir, 'data'), join(dir, 'meta')];
  await mkdir(join(data, bucket), { recursive: true });
  await mkdir(join(meta, bucket), { recursive: true });
  const port = await freePort();
  const [accessKey, secretKey] = ['suhbat-test', 'a secret of the tests alone'];
  let output = '';
  const child = startChild(
    server,
    [
      ...[
        '--port',
        `127.0.0.1:${port}`,
        '--access',
        accessKey,
        '--secret',
        secretKey,
        '--region',
        'us-east-1',
      ],
      ...['--quiet', 'posix', '--sidecar', meta, data],
    ],
    { cwd: dir },
    (text) => {
      output = `${output}${text}`.slice(-10_000);
    },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    if (!child.alive()) throw new Error(`versitygw ended:\n${output}`);
    return fetch(endpoint).then(
      () => true,
      () => 'it takes no connections',
    );
  }, 20_000);
  return {
    endpoint,
    bucket,
    accessKey,
    secretKey,
    env: {
      S3_ENDPOINT: endpoint,
      S3_BUCKET: bucket,
      S3_ACCESS_KEY: accessKey,
      S3_SECRET_KEY: secretKey,
    },
    pause: () => child.signal('SIGSTOP'),
    resume: () => child.signal('SIGCONT'),
    async stop() {
      await child.finish('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
