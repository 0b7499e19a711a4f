import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { join as joinPosix, normalize } from 'node:path/posix';

/** One file of the project; `path` is relative to its root, with forward slashes. */
export interface Source {
  path: string;
  text: string;
}

export interface Import {
  /** The importing file. */
  from: string;
  /** A path relative to the root for files of ours, else the package or `node:` name. */
  to: string;
  ours: boolean;
}

export const root = join(import.meta.dirname, '..', '..');

/** Every TypeScript file of the project, wherever it lies. */
export function projectSources(): Source[] {
  const folders = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.') && !notOurs.has(entry.name),
  );
  return folders.flatMap((folder) => {
    const entries = readdirSync(join(root, folder.name), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => ({ path: relative(root, file).replaceAll(sep, '/'), text: readFileSync(file, 'utf8') }));
  });
}

const notOurs = new Set(['node_modules', 'data']);

const stringsAndComments = /(["'])(?:\\.|(?!\1)[^\\\n])*\1|`(?:\\.|[^\\`])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** The code without its comments: strings stay, since the names of imports are strings. */
export function withoutComments(text: string): string {
  return text.replace(stringsAndComments, (found) => (found.startsWith('/') ? ' ' : found));
}

/** Every way to reach another module, types included; the first group that matched is its name. */
const forms = [
  /^[ \t]*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  /^[ \t]*import\s*['"]([^'"]+)['"]/gm,
  /\b(?:import|require)\s*\(\s*(?:['"]([^'"]+)['"]|([^'")][^)]*))/g,
  /\bnew URL\(\s*['"](\.[^'"]+)['"],\s*import\.meta\.url/g,
];

export function importsOf({ path, text }: Source): Import[] {
  const code = withoutComments(text);
  const names = forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1] ?? `(${match[2]})`));
  return names.map((name) =>
    name.startsWith('.')
      ? { from: path, to: normalize(joinPosix(path, '..', name)), ours: true }
      : { from: path, to: packageName(name), ours: false },
  );
}

/** `@scope/name/deep` → `@scope/name`; `node:fs/promises` stays whole. */
function packageName(name: string): string {
  if (name.startsWith('node:')) return name;
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}
