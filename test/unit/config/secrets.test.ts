import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Config, loadConfig } from '../../../ops/config/load.ts';
import { openSecrets } from '../../../ops/config/secrets.ts';
import { makeTokenKey, readTokenKey } from '../../../ops/config/token-key.ts';
import { StartError } from '../../../ops/process/start-error.ts';

const config = (env: Record<string, string> = {}) => loadConfig(env, []) as Config;
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('secrets', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-secrets-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are made at the first start and kept for the next', async () => {
    const first = await openSecrets(config(), folder);
    expect(createPrivateKey(first.tokenKey).asymmetricKeyDetails?.namedCurve).to.equal('prime256v1');
    expect(first.refreshSecret).to.match(/^[A-Za-z0-9_-]{43}$/);
    expect(await openSecrets(config(), folder)).to.deep.equal(first);
  });

  it('are kept where only the owner reads them, also when the folder was loosened', async () => {
    await openSecrets(config(), folder);
    const secrets = join(folder, 'secrets');
    await chmod(secrets, 0o755);
    for (const file of await readdir(secrets)) await chmod(join(secrets, file), 0o644);
    await openSecrets(config(), folder);
    expect(await mode(secrets)).to.equal('700');
    expect(await readdir(secrets)).to.have.members(['token-key.pem', 'refresh-secret']);
    for (const file of await readdir(secrets)) expect(await mode(join(secrets, file))).to.equal('600');
  });

  it('are taken from the settings where given, and then not kept', async () => {
    const tokenKey = makeTokenKey();
    const refreshSecret = 'r'.repeat(32);
    const given = config({ SUHBAT_TOKEN_KEY: tokenKey, SUHBAT_REFRESH_SECRET: refreshSecret });
    expect(await openSecrets(given, folder)).to.deep.equal({ tokenKey, refreshSecret });
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('stop the start by name where another PostgreSQL is used and one is missing', async () => {
    const partly = config({ DATABASE_URL: 'postgres://db/suhbat', SUHBAT_REFRESH_SECRET: 'r'.repeat(32) });
    const error = await openSecrets(partly, folder).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(StartError);
    expect((error as StartError).message)
      .to.include('SUHBAT_TOKEN_KEY')
      .and.not.include('SUHBAT_REFRESH_SECRET');
  });

  it('stop the start when a kept file is damaged, without showing it', async () => {
    await openSecrets(config(), folder);
    const path = join(folder, 'secrets', 'token-key.pem');
    await writeFile(path, 'half a key');
    const error = await openSecrets(config(), folder).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(StartError);
    expect((error as StartError).message)
      .to.include(path)
      .and.not.include('half a key');
    expect(await readFile(path, 'utf8')).to.equal('half a key');
  });
});

describe('the token key', () => {
  it('is read as PEM, as PEM in one line, and as base64 of PEM or DER', () => {
    const pem = makeTokenKey();
    const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
    const forms = [
      pem,
      pem.replaceAll('\n', '\\n'),
      Buffer.from(pem).toString('base64'),
      der.toString('base64'),
    ];
    for (const form of forms) expect(readTokenKey(form)).to.equal(pem);
  });

  it('is refused when it is not a private key on P-256', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const other = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const open = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    for (const bad of [other, open, 'nothing', '']) expect(readTokenKey(bad)).to.equal(undefined);
  });
});
