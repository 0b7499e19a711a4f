import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Json } from './components.ts';

/**
 * `npm run postman -- --out FILE [--url URL]`: the OpenAPI document of a running Suhbat as a Postman
 * collection, whose `baseUrl` is that Suhbat. Ends with a sentence and code 1 where it cannot.
 */

const usage = 'Usage: npm run postman -- --out FILE [--url http://127.0.0.1:8080]';

async function main(): Promise<void> {
  const { out, url } = settings();
  const document = await load(url);
  const folder = await mkdtemp(join(tmpdir(), 'suhbat-postman-'));
  try {
    const source = join(folder, 'openapi.json');
    await writeFile(source, JSON.stringify({ ...document, servers: [{ url }] }));
    await convert(source, resolve(out));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(`Written to ${out}\n`);
}

function settings(): { out: string; url: string } {
  const options = { out: { type: 'string' }, url: { type: 'string' } } as const;
  const { out, url = 'http://127.0.0.1:8080' } = parseArgs({ options }).values;
  if (out === undefined) throw new Error(usage);
  return { out, url: url.replace(/\/+$/, '') };
}

async function load(url: string): Promise<Json> {
  const response = await fetch(`${url}/openapi.json`).catch(() => undefined);
  if (!response?.ok) throw new Error(`No Suhbat answers at ${url}: start one, or name it with --url.`);
  return (await response.json()) as Json;
}

/** By the converter's own program: it is a tool of developers, not a part of Suhbat. */
async function convert(source: string, out: string): Promise<void> {
  const converter = dirname(fileURLToPath(import.meta.resolve('openapi-to-postmanv2/package.json')));
  const choices = 'folderStrategy=Tags,requestParametersResolution=Example,parametersResolution=Example';
  const child = spawn(
    process.execPath,
    [join(converter, 'bin', 'openapi2postmanv2.js'), '-s', source, '-o', out, '-p', '-O', choices],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  const [code] = await once(child, 'close');
  if (code !== 0 || /^\s*(error|could not)/im.test(said)) throw new Error(`It was not converted:\n${said}`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
