import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '../../../gateway/documents/components.ts';
import { type Program, startProgram } from '../../support/process.ts';
import { rememberDatabase } from '../../support/roles.ts';

/** A Suhbat of its own, and the documents that it serves. */
export interface Server {
  readonly url: string;
  readonly dataDir: string;
  readonly program: Program;
  readonly openApi: Json;
  readonly asyncApi: Json;
}

/** Starts it before the tests of a describe and ends it after them. */
export function useServer(env: Record<string, string> = {}): () => Server {
  let server: Server | undefined;
  let end = () => {};

  before('the program runs', async function () {
    this.timeout(60_000);
    const folder = mkdtempSync(join(tmpdir(), 'suhbat-documents-'));
    const program = startProgram({
      env: { SUHBAT_DATA_DIR: folder, SUHBAT_BCRYPT_QUEUE: '1000', ...env },
    });
    end = () => {
      program.kill();
      rmSync(folder, { recursive: true, force: true });
    };
    process.once('exit', end);
    const url = await program.ready();
    await rememberDatabase(url, folder);
    const [openApi, asyncApi] = await Promise.all(['openapi', 'asyncapi'].map((name) => load(url, name)));
    server = { url, dataDir: folder, program, openApi: openApi as Json, asyncApi: asyncApi as Json };
  });

  after('the program ends', async function () {
    this.timeout(60_000);
    server?.program.signal('SIGTERM');
    await server?.program.ended();
    process.off('exit', end);
    end();
  });

  return () => {
    if (server === undefined) throw new Error('The program runs only while tests do');
    return server;
  };
}

async function load(url: string, name: string): Promise<unknown> {
  return (await fetch(`${url}/${name}.json`)).json();
}

/** What a reference inside a document leads to; the value itself where it is none. */
export function follow(document: Json, value: unknown): Json {
  const ref = (value as { $ref?: string } | undefined)?.$ref;
  if (ref === undefined) return value as Json;
  const names = ref.slice(2).split('/');
  return follow(
    document,
    names.reduce<unknown>((at, name) => (at as Json)[unescaped(name)], document),
  );
}

function unescaped(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** The example of a refusal that operations share. */
export function commonProblem(document: Json, response: string, title: string): Json {
  const { content } = follow(document, { $ref: `#/components/responses/${response}` });
  const media = (content as Record<string, { examples: Record<string, { value: Json }> }>)[
    'application/problem+json'
  ];
  const example = media?.examples[title];
  if (example === undefined) throw new Error(`${response} has no example ${title}`);
  return example.value;
}
