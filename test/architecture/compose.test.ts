import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import type { Field } from '../../ops/config/field.ts';
import { fields } from '../../ops/config/fields.ts';
import { loadConfig } from '../../ops/config/load.ts';
import { importsOf, projectSources, root } from './read-imports.ts';

interface Service {
  build?: { context: string; dockerfile: string };
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: unknown;
  volumes?: string[];
  networks?: string[];
  configs?: { source: string }[];
}

interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  networks: Record<string, unknown>;
  configs: Record<string, unknown>;
}

const file = (path: string) => readFileSync(join(root, path), 'utf8');
/** YAML 1.2 knows no `<<`; compose does. */
const compose = parse(file('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);
const known = Object.values<Field<unknown>>(fields).map(({ name }) => name);

/** The `.env` file that README says to make. */
const secrets: Record<string, string> = Object.fromEntries(
  execFileSync(process.execPath, [join(root, 'ops/config/make-secrets.ts')], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

/** What compose puts in the place of `$NAME` and `${NAME…}`; `$$` is a dollar. */
const variable = /\$(?:\$|\{(\w+)[^}]*\}|(\w+))/g;

function filledIn(text: string): string {
  return text.replace(variable, (found, braced?: string, plain?: string) =>
    found === '$$' ? '$' : (secrets[braced ?? plain ?? ''] ?? ''),
  );
}

/** The words of a Dockerfile's instructions of this name. */
function instructions(name: string): string[][] {
  return file('ops/docker/Dockerfile')
    .split('\n')
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.split(/\s+/).slice(1));
}

/** What the image's COPYs take from the project's folder. */
function copied(): string[] {
  return instructions('COPY')
    .filter(([first = '']) => !first.startsWith('--from='))
    .flatMap((words) => words.slice(0, -1));
}

/** The top-level folders of all files that the program reaches by imports. */
function foldersOfProgram(): Set<string> {
  const sources = new Map(projectSources().map((source) => [source.path, source]));
  const reached = new Set(['ops/main.ts']);
  for (const path of reached) {
    const source = sources.get(path);
    const imports = source === undefined ? [] : importsOf(source);
    for (const { to, ours } of imports) if (ours) reached.add(to);
  }
  return new Set([...reached].filter((path) => path.includes('/')).map((path) => path.split('/')[0] ?? ''));
}

describe('docker-compose.yml', () => {
  it('has services of ours in every role', () => {
    const roles = ours.map(([, { environment }]) => environment?.SUHBAT_ROLES);
    expect(new Set(roles)).to.deep.equal(new Set(['gateway', 'actors', 'services']));
  });

  it('gives its processes settings that there are, with which they start', () => {
    for (const [name, { environment = {} }] of ours) {
      expect(known, name).to.include.members(Object.keys(environment));
      const values = Object.entries(environment).map(([key, value]) => [key, filledIn(value)]);
      expect(() => loadConfig(Object.fromEntries(values), []), name).not.to.throw();
    }
  });

  it('asks for no variable but what npm run secrets makes', () => {
    const named = [...file('docker-compose.yml').matchAll(variable)].map(
      ([, braced, plain]) => braced ?? plain,
    );
    const asked = named.filter((name) => name !== undefined);
    expect(new Set(asked)).to.deep.equal(new Set(Object.keys(secrets)));
  });

  it('waits for services that there are and that say whether they are healthy', () => {
    for (const [name, { depends_on = {} }] of services)
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect(condition, `${name} waits for ${other}`).to.equal('service_healthy');
        expect(compose.services[other], `${name} waits for ${other}`).to.have.property('healthcheck');
      }
  });

  it('declares the volumes, networks and configs that its services name', () => {
    for (const [name, { volumes = [], networks = [], configs = [] }] of services) {
      const mounted = volumes.map((volume) => volume.split(':')[0]);
      expect(Object.keys(compose.volumes), name).to.include.members(mounted);
      expect(Object.keys(compose.networks), name).to.include.members(networks);
      expect(Object.keys(compose.configs), name).to.include.members(configs.map(({ source }) => source));
    }
  });
});

describe('the image', () => {
  it('is built from the Dockerfile that is there', () => {
    for (const [, { build }] of ours)
      expect(build).to.deep.equal({ context: '.', dockerfile: 'ops/docker/Dockerfile' });
  });

  it('holds every folder that the program imports', () => {
    const folders = [...foldersOfProgram()];
    expect(folders).to.include.members(['ops', 'schemas', 'gateway']);
    expect(copied()).to.include.members(folders);
  });

  it('copies only what .dockerignore lets through', () => {
    const through = file('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(through).to.include.members(copied());
  });

  it('sets nothing that is no setting', () => {
    const names = instructions('ENV').flatMap((words) => words.map((word) => word.split('=')[0] ?? ''));
    // Libraries read NODE_ENV.
    expect(['NODE_ENV', ...known]).to.include.members(names);
  });
});
