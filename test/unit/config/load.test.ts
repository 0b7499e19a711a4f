import { expect } from 'chai';
import { type Config, loadConfig } from '../../../ops/config/load.ts';
import { StartError } from '../../../ops/process/start-error.ts';

function config(env: Record<string, string>): Config {
  const loaded = loadConfig(env, []);
  if (loaded === 'help') throw new Error('nobody asked for help');
  return loaded;
}

function refusal(env: Record<string, string>, argv: string[] = []): string {
  try {
    loadConfig(env, argv);
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('the configuration', () => {
  it('runs with nothing set', () => {
    expect(config({})).to.include({ port: 8080, dataDir: './data', rateLimitFactor: 1, shards: 64 });
    expect(config({}).roles).to.deep.equal(['gateway', 'actors', 'services']);
    expect(config({}).databaseUrl).to.equal(undefined);
  });

  it('reads each type of setting', () => {
    const read = config({
      SUHBAT_PORT: '0',
      SUHBAT_RATE_LIMIT_FACTOR: '2.5',
      SUHBAT_LOG_LEVEL: 'warn',
      SUHBAT_ROLES: 'services, gateway,actors',
      SUHBAT_ALLOWED_ORIGINS: 'https://chat.example,http://localhost:5173',
      SUHBAT_TRUSTED_PROXIES: '10.0.0.0/8,::1',
      DATABASE_URL: 'postgres://user:pass@db/suhbat',
    });
    expect(read).to.include({ port: 0, rateLimitFactor: 2.5, logLevel: 'warn' });
    expect(read.roles).to.deep.equal(['services', 'gateway', 'actors']);
    expect(read.allowedOrigins).to.deep.equal(['https://chat.example', 'http://localhost:5173']);
    expect(read.trustedProxies).to.deep.equal(['10.0.0.0/8', '::1']);
    expect(read.databaseUrl).to.equal('postgres://user:pass@db/suhbat');
  });

  it('counts an empty variable as not given', () => {
    expect(config({ SUHBAT_PORT: '', NATS_URL: '' }).port).to.equal(8080);
  });

  it('is frozen', () => {
    expect(config({})).to.be.frozen;
    expect(config({ SUHBAT_ALLOWED_ORIGINS: 'https://a.example' }).allowedOrigins).to.be.frozen;
  });

  it('names everything that is wrong at once, in one line', () => {
    const sentence = refusal({ SUHBAT_PORT: '99999', SUHBAT_SHARDS: 'many', SUHBAT_LOG_LEVEL: 'loud' });
    expect(sentence).to.include('SUHBAT_PORT must be a whole number from 0 to 65535, not "99999"');
    expect(sentence).to.include('SUHBAT_SHARDS must be');
    expect(sentence).to.include('SUHBAT_LOG_LEVEL must be one of');
    expect(sentence).not.to.include('\n');
  });

  it('refuses an unknown SUHBAT_ setting and names the nearest', () => {
    expect(refusal({ SUHBAT_PROT: '80' })).to.include(
      'SUHBAT_PROT is not a setting (did you mean SUHBAT_PORT?)',
    );
  });

  it('leaves other programs their variables', () => {
    expect(config({ PATH: '/bin', SUHBATX: '1', S3_SOMETHING: 'x' }).port).to.equal(8080);
  });

  it('refuses a part of the roles where no cluster is named', () => {
    expect(refusal({ SUHBAT_ROLES: 'gateway,services' })).to.include('SUHBAT_ROLES must name all roles');
  });

  it('refuses a cluster without what its processes share', () => {
    const NATS_URL = 'nats://user:pass@one:4222, nats://two';
    const alone = refusal({ NATS_URL });
    expect(alone).to.include('DATABASE_URL must be set with NATS_URL');
    expect(alone).to.include('REDIS_URL must be set with NATS_URL').and.not.include('pass');
    expect(alone).to.include('S3_BUCKET, or SUHBAT_MEDIA_DIR with a folder that all share, must be set');
    const shared = { NATS_URL, REDIS_URL: 'redis://there', SUHBAT_MEDIA_DIR: '/shared' };
    const gateway = config({ ...shared, SUHBAT_ROLES: 'gateway' });
    expect(gateway).to.include({ natsUrl: NATS_URL, redisUrl: 'redis://there' });
    expect(gateway.roles).to.deep.equal(['gateway']);
  });

  it('refuses addresses of another kind of server', () => {
    for (const url of ['http://there', 'nats://', 'nats://one,two', 'one:4222'])
      expect(refusal({ NATS_URL: url })).to.include('NATS_URL must be nats:// URLs');
    for (const url of ['http://there', 'redis:', 'there:6379'])
      expect(refusal({ REDIS_URL: url })).to.include('REDIS_URL must be a redis://');
  });

  it('never repeats a secret, not even a wrong one', () => {
    for (const name of ['DATABASE_URL', 'SUHBAT_TOKEN_KEY', 'SUHBAT_REFRESH_SECRET', 'NATS_URL', 'REDIS_URL'])
      expect(refusal({ [name]: 'hunter2' }))
        .to.include(name)
        .and.not.include('hunter2');
  });

  it('refuses half of what S3 needs, and an endpoint that is more than a host', () => {
    expect(refusal({ S3_BUCKET: 'files' })).to.include('S3_ACCESS_KEY and S3_SECRET_KEY must be set');
    expect(refusal({ S3_ENDPOINT: 'http://there' })).to.include(
      'S3_ENDPOINT means nothing without S3_BUCKET',
    );
    for (const url of [
      'there:9000',
      'ftp://there',
      'http://there/path',
      'http://user:pass@there',
      'http://there?a',
    ])
      expect(refusal({ S3_ENDPOINT: url })).to.include('S3_ENDPOINT must be');
    const keys = { S3_BUCKET: 'files', S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b' };
    expect(config({ ...keys, S3_ENDPOINT: 'http://there:9000/' }).s3Endpoint).to.equal('http://there:9000');
  });

  it('refuses lists with a bad or repeated item', () => {
    for (const value of ['https://a.example/', 'chat.example', 'ftp://a.example', 'https://a.example,,'])
      expect(refusal({ SUHBAT_ALLOWED_ORIGINS: value })).to.include('SUHBAT_ALLOWED_ORIGINS must be');
    for (const value of ['10.0.0.0/33', '::1/129', 'proxy', '10.0.0.1/8/8', '10.0.0.1,10.0.0.1'])
      expect(refusal({ SUHBAT_TRUSTED_PROXIES: value })).to.include('SUHBAT_TRUSTED_PROXIES must be');
    expect(refusal({ SUHBAT_ROLES: 'gateway,gateway,actors,services' })).to.include('SUHBAT_ROLES must be');
  });

  it('refuses numbers that only look like one', () => {
    for (const value of ['0x50', '1e3', '-1', ' 80', '80.5', 'NaN', 'Infinity', '٨'])
      expect(refusal({ SUHBAT_PORT: value })).to.include('SUHBAT_PORT must be');
  });

  it('refuses journal segments that are too large for the whole journal', () => {
    const said = refusal({ SUHBAT_JOURNAL_MAX: '104857600' });
    expect(said).to.include(
      'SUHBAT_JOURNAL_SEGMENT, 67108864, must be at most a quarter of SUHBAT_JOURNAL_MAX',
    );
    expect(refusal({ SUHBAT_JOURNAL_MAX: 'x' })).not.to.include('a quarter');
    const fits = config({ SUHBAT_JOURNAL_MAX: '4194304', SUHBAT_JOURNAL_SEGMENT: '1048576' });
    expect(fits.journalSegment).to.equal(1_048_576);
  });

  it('refuses a URL of a database that is none', () => {
    for (const value of [
      'postgres://host:99999/x',
      'postgres://a b/x',
      'mysql://host/x',
      'postgres://[::1/x',
    ])
      expect(refusal({ DATABASE_URL: value })).to.include('DATABASE_URL must be');
    for (const value of [
      'postgresql://a:b@host/x',
      'postgres://a@/x?host=/run/postgresql',
      'postgres://[::1]/x',
    ])
      expect(config({ DATABASE_URL: value }).databaseUrl).to.equal(value);
  });

  it('takes no argument but --help', () => {
    expect(loadConfig({ SUHBAT_PORT: 'bad' }, ['--help'])).to.equal('help');
    expect(loadConfig({}, ['-h'])).to.equal('help');
    expect(refusal({}, ['--prot=1'])).to.include('"--prot=1" is not an argument');
  });
});
