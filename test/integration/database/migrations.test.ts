import { copyFile, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { StartError } from '../../../ops/process/start-error.ts';
import { migrate } from '../../../services/migrations/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { run } from './support.ts';

const ours = join(import.meta.dirname, '..', '..', '..', 'services', 'migrations');

describe('migrations', () => {
  let database: TestDatabase;
  let folder: string;

  beforeEach(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'suhbat-migrations-'));
    for (const name of await sqlFiles()) await copyFile(join(ours, name), join(folder, name));
  });

  afterEach(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  async function sqlFiles(): Promise<string[]> {
    return (await readdir(ours)).filter((name) => name.endsWith('.sql')).sort();
  }

  async function addNext(sql: string): Promise<string> {
    const name = `${String((await sqlFiles()).length + 1).padStart(4, '0')}-next`;
    await writeFile(join(folder, `${name}.sql`), sql);
    return name;
  }

  async function sentence(): Promise<string> {
    const error = await migrate({ url: database.url, folder }).then(
      () => expect.fail('it was accepted'),
      (refusal: unknown) => refusal,
    );
    expect(error).to.be.instanceOf(StartError);
    return (error as StartError).message;
  }

  async function emptyDatabase(): Promise<void> {
    await run(database.url, 'drop schema public cascade; create schema public');
  }

  it('make an empty database ready, once', async () => {
    await emptyDatabase();
    const names = (await sqlFiles()).map((name) => name.slice(0, -'.sql'.length));
    expect(await migrate({ url: database.url })).to.deep.equal(names);
    expect(await migrate({ url: database.url })).to.deep.equal([]);
    const rows = await run(database.url, 'select name from schema_migrations order by number');
    expect(rows.map((row) => row.name)).to.deep.equal(names);
  });

  it('are applied once when many processes start at the same time', async () => {
    await emptyDatabase();
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrate({ url: database.url })));
    expect(applied.flat()).to.have.length((await sqlFiles()).length);
    expect(applied.filter((names) => names.length > 0)).to.have.length(1);
  });

  it('go on from where an older program left the database', async () => {
    const name = await addNext('create table later (n integer)');
    expect(await migrate({ url: database.url, folder })).to.deep.equal([name]);
    expect(await run(database.url, 'select * from later')).to.deep.equal([]);
  });

  it('refuse a file that was changed after it was applied', async () => {
    const [first = ''] = await sqlFiles();
    await writeFile(join(folder, first), 'select 1');
    expect(await sentence())
      .to.include(first.slice(0, -4))
      .and.include('changed');
  });

  it('do not mind line ends', async () => {
    const [first = ''] = await sqlFiles();

    const text = await readFile(join(folder, first), 'utf8');
    await writeFile(join(folder, first), text.replaceAll('\n', '\r\n'));
    expect(await migrate({ url: database.url, folder })).to.deep.equal([]);
  });

  it('refuse a file that was renamed after it was applied', async () => {
    const last = (await sqlFiles()).at(-1) ?? '';
    const renamed = `${last.slice(0, 4)}-other.sql`;
    await copyFile(join(folder, last), join(folder, renamed));
    await unlink(join(folder, last));
    expect(await sentence()).to.include(last.slice(0, -4));
  });

  it('refuse a database that is newer than the program', async () => {
    const name = await addNext('create table later (n integer)');
    await migrate({ url: database.url, folder });
    await unlink(join(folder, `${name}.sql`));
    expect(await sentence())
      .to.include('newer than this program')
      .and.include(name);
  });

  it('keep nothing of a file that fails, and name it', async () => {
    const name = await addNext('create table half (n integer); create table half (n integer)');
    expect(await sentence())
      .to.include(name)
      .and.include('already exists');
    const [found] = await run(database.url, "select to_regclass('half') as half");
    expect(found).to.deep.equal({ half: null });
    expect(await run(database.url, `select 1 from schema_migrations where name = '${name}'`)).to.deep.equal(
      [],
    );
  });

  it('refuse a gap in the numbers', async () => {
    await writeFile(join(folder, '0099-far.sql'), 'select 1');
    expect(await sentence()).to.include('0099-far.sql');
  });
});
