import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../process/start-error.ts';
import type { Field } from './field.ts';
import { fields } from './fields.ts';
import type { Config } from './load.ts';
import { makeTokenKey } from './token-key.ts';

/** Never logged, never shown. */
export interface Secrets {
  /** PKCS#8 PEM of the ES256 key that signs access tokens. */
  tokenKey: string;
  refreshSecret: string;
}

/** How each secret is made, and the file that keeps it. */
const made: Record<keyof Secrets, { file: string; make: () => string }> = {
  tokenKey: { file: 'token-key.pem', make: makeTokenKey },
  refreshSecret: { file: 'refresh-secret', make: () => randomBytes(32).toString('base64url') },
};

/**
 * The secrets as given. With the embedded PostgreSQL those not given are made once and kept in
 * `<dataDir>/secrets` (0700, files 0600); call it under the data folder's lock. With DATABASE_URL other
 * nodes must hold the same ones, so a missing secret stops the start.
 */
export async function openSecrets(config: Config, dataDir: string): Promise<Secrets> {
  if (config.databaseUrl !== undefined) return givenSecrets(config, ['tokenKey', 'refreshSecret']);
  const folder = join(dataDir, 'secrets');
  const secret = async (name: keyof Secrets) => config[name] ?? (await kept(folder, name));
  try {
    return { tokenKey: await secret('tokenKey'), refreshSecret: await secret('refreshSecret') };
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `Suhbat cannot start: secrets cannot be kept in ${folder} (${(error as Error).message}).`,
      error,
    );
  }
}

/** Those that a process has use for, which must be given. The others are empty. */
export function givenSecrets(config: Config, needed: readonly (keyof Secrets)[]): Secrets {
  const missing = needed.filter((name) => config[name] === undefined);
  if (missing.length > 0) {
    const settings = missing.map((name) => fields[name].name).join(' and ');
    throw new StartError(
      `Suhbat cannot start: ${settings} must be set, because with DATABASE_URL or NATS_URL secrets are not made here.`,
    );
  }
  const { tokenKey = '', refreshSecret = '' } = config;
  return { tokenKey, refreshSecret };
}

async function kept(folder: string, name: keyof Secrets): Promise<string> {
  const path = join(folder, made[name].file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // A copied or restored folder may have lost its modes.
  await chmod(folder, 0o700);
  const found = await readIfThere(path);
  if (found === undefined) return keep(folder, path, made[name].make());
  await chmod(path, 0o600);
  const field: Field<string | undefined> = fields[name];
  const value = field.parse(found.trim());
  if (value === undefined) throw new StartError(`Suhbat cannot start: ${path} must hold ${field.type}.`);
  return value;
}

/** Writes the file as a whole or not at all: half a key would lock everybody out. */
async function keep(folder: string, path: string, value: string): Promise<string> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(value);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const directory = await open(folder);
  await directory.sync().finally(() => directory.close());
  return value;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StartError(`Suhbat cannot start: ${path} cannot be read (${(error as Error).message}).`, error);
  }
}
