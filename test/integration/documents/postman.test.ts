import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { useServer } from './server.ts';

interface Item {
  name: string;
  item?: Item[];
  request?: { method: string; url: { path: string[] } };
}

const root = join(import.meta.dirname, '..', '..', '..');

describe('npm run postman', function () {
  this.timeout(60_000);

  const server = useServer();
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'suhbat-postman-test-'));
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

  async function run(...args: string[]): Promise<{ code: number; said: string }> {
    const child = spawn('npm', ['run', 'postman', '--', ...args], { cwd: root });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
    const [code] = await once(child, 'close');
    return { code, said };
  }

  it('writes a collection with every operation, for the server that it asked', async () => {
    const out = join(folder, 'suhbat.json');
    const { code, said } = await run('--out', out, '--url', server().url);
    expect(code, said).to.equal(0);
    const collection = JSON.parse(await readFile(out, 'utf8')) as { item: Item[]; variable: object[] };
    expect(collection.variable).to.deep.include({ key: 'baseUrl', value: server().url });
    const all = (items: Item[]): Item[] => items.flatMap((one) => [one, ...all(one.item ?? [])]);
    const found = all(collection.item).flatMap(({ request }) =>
      request === undefined ? [] : [`${request.method} /${request.url.path.join('/')}`],
    );
    const documented = Object.entries(server().openApi.paths as Record<string, object>).flatMap(
      ([path, methods]) =>
        Object.keys(methods).map(
          (method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
        ),
    );
    expect(found).to.have.members(documented);
  });

  it('says in one sentence what it lacks', async () => {
    const nowhere = await run('--out', join(folder, 'none.json'), '--url', 'http://127.0.0.1:1');
    expect(nowhere.code).to.equal(1);
    expect(nowhere.said).to.include('No Suhbat answers at http://127.0.0.1:1');
    const blank = await run();
    expect(blank.code).to.equal(1);
    expect(blank.said).to.include('--out FILE');
  });
});
