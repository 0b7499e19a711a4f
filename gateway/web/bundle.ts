import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';

/** The page's sources made into what a browser loads: one HTML, and assets whose names hold their hash. */
export interface Bundle {
  html: string;
  assets: Asset[];
}

export interface Asset {
  name: string;
  type: string;
  bytes: Uint8Array;
}

const types: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

const here = import.meta.dirname;

/** Throws where a source does not compile. */
export async function bundlePage(): Promise<Bundle> {
  const [compiled, icon, template] = await Promise.all([
    compile(),
    readFile(join(here, 'icon.svg')).then((bytes) => named('icon', '.svg', bytes)),
    readFile(join(here, 'index.html'), 'utf8'),
  ]);
  const manifest = manifestOf(icon);
  const assets = [...compiled, icon, manifest];
  const urlOf = (found: Asset | undefined) => {
    if (found === undefined) throw new Error('The page lacks one of its files');
    return `/assets/${found.name}`;
  };
  const html = template
    .replace('{script}', urlOf(assets.find(({ name }) => name.endsWith('.js'))))
    .replace('{style}', urlOf(assets.find(({ name }) => name.endsWith('.css'))))
    .replace('{icon}', urlOf(icon))
    .replace('{manifest}', urlOf(manifest));
  return { html, assets };
}

/** Loaded only here: a process that serves no page never starts the compiler. */
async function compile(): Promise<Asset[]> {
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      absWorkingDir: here,
      entryPoints: ['app/main.tsx', 'styles/main.css'],
      outdir: 'out',
      entryNames: '[name]-[hash]',
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      target: ['chrome119', 'firefox121', 'safari17.2'],
      jsx: 'automatic',
      jsxImportSource: 'preact',
      loader: { '.svg': 'dataurl' },
      legalComments: 'none',
      logLevel: 'silent',
    });
    return outputFiles.map(({ path, contents }) => asset(basename(path), contents));
  } finally {
    await stop(); // its process would outlive the work
  }
}

function manifestOf(icon: Asset): Asset {
  const manifest = {
    name: 'Suhbat',
    short_name: 'Suhbat',
    start_url: '/',
    display: 'standalone',
    background_color: '#f2f6f5',
    theme_color: '#0d6e66',
    icons: [{ src: `/assets/${icon.name}`, type: icon.type, sizes: 'any' }],
  };
  return named('suhbat', '.webmanifest', Buffer.from(JSON.stringify(manifest)));
}

function named(name: string, extension: string, bytes: Uint8Array): Asset {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8).toUpperCase();
  return asset(`${name}-${hash}${extension}`, bytes);
}

function asset(name: string, bytes: Uint8Array): Asset {
  return { name, type: types[extname(name)] ?? 'application/octet-stream', bytes };
}
