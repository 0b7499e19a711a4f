import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { sqlState } from '../../../ops/connections/postgres.ts';
import { untilStopped } from '../../../ops/process/until-stopped.ts';
import { until } from '../../support/until.ts';
import {
  cleanUp,
  folderWithDatabase,
  type Holder,
  holdFolder,
  isAlive,
  killGroup,
  removeOriginal,
  run,
  temporaryFolder,
} from './support.ts';

const asRoot = process.getuid?.() === 0;
const nobody = 65_534;

describe('the embedded PostgreSQL', function () {
  this.timeout(60_000);
  afterEach(cleanUp);
  after(removeOriginal);

  async function fill(holder: Holder): Promise<void> {
    await run(holder.url, 'create table kept (n integer)');
    await run(holder.url, 'insert into kept values (1), (2), (3)');
  }

  async function expectKept(holder: Holder): Promise<void> {
    expect(await run(holder.url, 'select count(*)::integer as n from kept')).to.deep.equal([{ n: 3 }]);
  }

  it('keeps its data over a stop and a start', async () => {
    const folder = await folderWithDatabase();
    const first = await holdFolder(folder);
    await first.end();
    expect(isAlive(first.postgres)).to.equal(false);
    const second = await holdFolder(folder);
    await expectKept(second);
    expect(second.logged).to.deep.equal([]);
  });

  it('lets nobody in without its password, and keeps that from others', async () => {
    const folder = await folderWithDatabase();
    const { url } = await holdFolder(folder);
    const wrong = new URL(url);
    wrong.password = 'guess';
    const refused = await run(wrong.href, 'select 1').catch(sqlState);
    expect(refused).to.equal('28P01');
    expect((await stat(join(folder, 'postgres', 'password'))).mode & 0o777).to.equal(0o600);
    expect((await stat(join(folder, 'postgres'))).mode & 0o777).to.equal(0o700);
  });

  it('gives the program a role that is no superuser', async () => {
    const { url } = await holdFolder(await folderWithDatabase());
    expect(await run(url, 'select rolsuper from pg_roles where rolname = current_user')).to.deep.equal([
      { rolsuper: false },
    ]);
  });

  it('orders text by code point and finds trigrams in every script', async () => {
    const { url } = await holdFolder(await folderWithDatabase());
    await run(url, 'create extension pg_trgm');
    const [row] = await run(
      url,
      "select lower('ЎЗБЕК') as lower, similarity('Салом', 'салом') as alike, 'Z' < 'a' as code_points",
    );
    expect(row).to.deep.equal({ lower: 'ўзбек', alike: 1, code_points: true });
  });

  it('starts again after kill -9 of everything', async () => {
    const folder = await folderWithDatabase();
    const first = await holdFolder(folder);
    killGroup(first.process);
    process.kill(first.postgres, 'SIGKILL');
    await until('the server is killed', () => !isAlive(first.postgres));
    await expectKept(await holdFolder(folder));
  });

  it('ends by itself soon after its process was killed, alone or with its whole group', async () => {
    const first = await holdFolder(await folderWithDatabase());
    first.process.kill('SIGKILL');
    await until('the server has ended', () => !isAlive(first.postgres));
    const second = await holdFolder(await folderWithDatabase());
    killGroup(second.process);
    await until('the server has ended', () => !isAlive(second.postgres));
  });

  it('hears no Ctrl-C of a terminal, so that who uses it can end first', async function () {
    if (process.platform !== 'linux') this.skip();
    const holder = await holdFolder(await folderWithDatabase());
    const { pid = 0 } = holder.process;
    const groupOf = async (id: number) =>
      (await readFile(`/proc/${id}/stat`, 'utf8')).split(') ')[1]?.split(' ')[2];
    expect(await groupOf(pid)).to.equal(String(pid));
    expect(await groupOf(holder.postgres)).to.equal(String(holder.postgres));
  });

  it('takes over from a server that outlived its process, watcher and all', async () => {
    const folder = await folderWithDatabase();
    const first = await holdFolder(folder);
    // Frozen servers do not notice that they should end, so this one is still there at the next start.
    process.kill(first.postgres, 'SIGSTOP');
    await untilStopped(first.postgres);
    first.process.kill('SIGKILL');
    await until('the process is gone', () => first.process.signalCode !== null);
    const second = await holdFolder(folder);
    expect(isAlive(first.postgres)).to.equal(false);
    expect(second.logged).to.have.length(1);
    await expectKept(second);
  });

  it('takes over from children that outlived their server', async () => {
    const folder = await folderWithDatabase();
    const first = await holdFolder(folder);
    const busy = run(first.url, 'select pg_sleep(1000)').catch(() => 'ended');
    const [child] = await untilSome(() =>
      run(first.url, "select pid from pg_stat_activity where query = 'select pg_sleep(1000)'"),
    );
    process.kill(Number(child?.pid), 'SIGSTOP');
    await untilStopped(Number(child?.pid));
    killGroup(first.process);
    process.kill(first.postgres, 'SIGKILL');
    await until('the server is killed', () => !isAlive(first.postgres));
    expect(isAlive(Number(child?.pid)), 'the child holds on').to.equal(true);
    await expectKept(await holdFolder(folder));
    expect(isAlive(Number(child?.pid))).to.equal(false);
    await busy;
  });

  it('is not fooled by a postmaster.pid whose number now belongs to somebody else', async () => {
    const folder = await folderWithDatabase();
    const first = await holdFolder(folder);
    await first.end();
    const file = join(folder, 'postgres', 'postmaster.pid');
    await writeFile(file, `${process.pid}\n${join(folder, 'postgres')}\n1\n1\n\n127.0.0.1\n\nready\n`);
    await expectKept(await holdFolder(folder));
    expect(isAlive(process.pid)).to.equal(true);
  });

  it('starts anew where the very first start was cut off', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'postgres.making'));
    await writeFile(join(folder, 'postgres.making', 'half'), '');
    await fill(await holdFolder(folder));
  });

  it('is started again on the same port when it dies', async () => {
    const holder = await holdFolder(await folderWithDatabase());
    process.kill(holder.postgres, 'SIGKILL');
    await until('it answers again', () =>
      expectKept(holder).then(
        () => true,
        () => false,
      ),
    );
    expect(isAlive(holder.postgres)).to.equal(false);
  });

  it('refuses a folder that holds something else', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'postgres'));
    const { refused } = await holdFolder(folder);
    expect(refused).to.include(join(folder, 'postgres')).and.include('no database of ours');
  });

  it('lets one process at a time have the folder, and says who has it', async () => {
    const folder = await folderWithDatabase();
    const first = await holdFolder(folder);
    const { refused } = await holdFolder(folder);
    expect(refused).to.include(folder).and.include(`process ${first.process.pid}`);
    // Its server lives on for a moment; the lock does not.
    first.process.kill('SIGKILL');
    await until('the process is gone', () => first.process.signalCode !== null);
    await expectKept(await holdFolder(folder));
  });

  it('runs as another user when started as root', async function () {
    if (!asRoot) this.skip();
    const { postgres } = await holdFolder(await folderWithDatabase());
    expect((await stat(`/proc/${postgres}`)).uid).to.not.equal(0);
    // Where it reaches everything by itself it has no capability either.
    if (!(await anybodyReaches(import.meta.filename))) return;
    expect(await readFile(`/proc/${postgres}/status`, 'utf8')).to.match(/^CapEff:\s+0+$/m);
  });

  it('runs below a folder that this other user may not pass', async function () {
    if (!asRoot) this.skip();
    const closed = await temporaryFolder();
    await mkdir(join(closed, 'below'));
    const holder = await holdFolder(join(closed, 'below', 'data'));
    await fill(holder);
    await holder.end();
    const again = await holdFolder(join(closed, 'below', 'data'));
    await expectKept(again);
    expect((await stat(closed)).mode & 0o777).to.equal(0o700);
    await again.end();
  });

  it('runs as an ordinary user', async function () {
    if (asRoot && !(await anybodyReaches(process.execPath, import.meta.filename))) this.skip();
    const folder = await temporaryFolder();
    await chmod(folder, 0o777);
    const holder = await holdFolder(join(folder, 'data'), asRoot ? nobody : undefined);
    expect(holder.refused).to.equal(undefined);
    expect(holder.uid).to.not.equal(0);
    await fill(holder);
    await holder.end();
    await expectKept(await holdFolder(join(folder, 'data'), asRoot ? nobody : undefined));
  });

  it('says so when an ordinary user may not write to the folder', async function () {
    if (!asRoot || !(await anybodyReaches(process.execPath, import.meta.filename))) this.skip();
    const folder = await temporaryFolder();
    const { refused } = await holdFolder(join(folder, 'data'), nobody);
    expect(refused).to.include(join(folder, 'data')).and.include('EACCES');
  });
});

async function untilSome<T>(read: () => Promise<T[]>): Promise<T[]> {
  let found: T[] = [];
  await until('there is one', async () => {
    found = await read();
    return found.length > 0;
  });
  return found;
}

async function anybodyReaches(...files: string[]): Promise<boolean> {
  for (const file of files) {
    for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
      if (((await stat(folder)).mode & 0o001) === 0) return false;
    }
  }
  return true;
}
