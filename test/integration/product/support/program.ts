import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAccessTokens } from '../../../../ops/security/access-tokens.ts';
import { type Program, startProgram } from '../../../support/process.ts';
import { rememberDatabase } from '../../../support/roles.ts';
import { expectExact } from './exact.ts';
import { expectNoSecrets } from './secrets.ts';
import { closeSockets } from './socket.ts';

/** A Suhbat of its own folder: the real program, with its own PostgreSQL. */
export interface Product {
  /** Everything that it keeps. */
  dataDir: string;
  /** Of its newest start. */
  url: string;
  program: Program;
  /** Where it keeps everything, in `data`. */
  readonly folder: string;
  /** Signs access tokens as the program does: for those that have expired, or are of the future. */
  sign(userId: string, loginId: string, issuedAt: number, lifetimeS?: number): string;
  /** Starts it once more, on the same folder, when it has ended. */
  again(): Promise<void>;
  /** Ends it with SIGTERM, and removes its folder. Throws where it does not end well. */
  end(): Promise<void>;
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Presence in the shared program: long enough to come back in, short enough to wait for. */
export const graceMs = 1500;

export async function startProduct(env: Record<string, string> = {}): Promise<Product> {
  const folder = mkdtempSync(join(tmpdir(), 'suhbat-product-'));
  const settings = {
    SUHBAT_DATA_DIR: join(folder, 'data'),
    SUHBAT_TOKEN_KEY: pem,
    SUHBAT_BCRYPT_COST: '4',
    SUHBAT_BCRYPT_QUEUE: '1000',
    SUHBAT_RATE_LIMIT_FACTOR: '1000',
    // A machine that does much else besides must not make a request late.
    SUHBAT_CALL_TIMEOUT: '20000',
    SUHBAT_PRESENCE_GRACE: String(graceMs),
    SUHBAT_LOG_LEVEL: 'debug',
    ...env,
  };
  const own: Product = {
    dataDir: settings.SUHBAT_DATA_DIR,
    url: '',
    folder,
    program: startProgram({ env: settings }),
    sign(userId, loginId, issuedAt, lifetimeS = 900) {
      const clock = { now: () => issuedAt, monotonic: () => issuedAt, after: () => () => {} };
      return createAccessTokens({ privateKeyPem: pem, clock, lifetimeS }).sign(userId, loginId).token;
    },
    async again() {
      own.program = startProgram({ env: settings });
      own.url = await own.program.ready();
      await rememberDatabase(own.url, join(folder, 'data'));
    },
    async end() {
      own.program.signal('SIGTERM');
      const how = await own.program.ended();
      remove();
      if (how !== 0) throw new Error(`The program ended with ${how}:\n${own.program.stderr().slice(-2000)}`);
    },
  };
  const kill = () => own.program.kill();
  process.once('exit', kill);
  const remove = () => {
    process.off('exit', kill);
    own.program.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    own.url = await own.program.ready();
    await rememberDatabase(own.url, join(folder, 'data'));
    return own;
  } catch (error) {
    remove();
    throw error;
  }
}

let users = 0;
let starting: Promise<Product> | undefined;
let current: Product | undefined;

/** The program that this folder's tests share. */
export function product(): Product {
  if (current === undefined) throw new Error('useProduct() stands at the top of the describe');
  return current;
}

/**
 * Says in a describe that its tests use the shared program: started by the first, ended after the last.
 * Whatever any socket or answer of the folder brought is held to its schema, to the field; the log of the
 * whole run is read when it ends.
 */
export function useProduct(): void {
  users++;
  before('the program runs', async function () {
    this.timeout(60_000);
    let suite = this.test?.parent;
    while (suite?.parent) suite = suite.parent;
    // The count below cannot know of tests that were not selected.
    if (starting === undefined) suite?.afterAll('the program ends', endShared);
    starting ??= startProduct();
    current = await starting;
  });
  after('nothing came that the contract does not know', async function () {
    this.timeout(60_000);
    closeSockets();
    users--;
    if (users === 0) await endShared();
    expectExact();
  });
}

async function endShared(): Promise<void> {
  const ending = current;
  current = undefined;
  if (ending === undefined) return;
  await ending.end();
  expectNoSecrets(ending.program.stderr());
}
