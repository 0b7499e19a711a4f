import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileOf, type PageFile } from '../web/page.ts';

/** Swagger UI, as its package brings it, with a page and a beginning of our own: no inline code. */

const packaged = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));

/** The package's files that the page loads. */
const fromPackage = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];

const own: Record<string, string> = {
  'index.html': `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Suhbat: REST API</title>
<link rel="icon" href="favicon-32x32.png" type="image/png">
<link rel="stylesheet" href="swagger-ui.css">
<link rel="stylesheet" href="page.css">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This reader needs JavaScript. The document itself is at /openapi.json.</noscript>
<script src="swagger-ui-bundle.js"></script>
<script src="initializer.js"></script>
</body>
</html>
`,
  'page.css': `body { margin: 0; background: #fafafa; }
.swagger-ui .info { margin: 30px 0; }
`,
  'initializer.js': `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`,
};

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
};

export const swaggerFiles: readonly string[] = [...Object.keys(own), ...fromPackage];

export interface Swagger {
  /** The file of this name, read and compressed when it is first asked for. */
  file(name: string): Promise<PageFile> | undefined;
}

export function createSwagger(): Swagger {
  const files = new Map<string, Promise<PageFile>>();

  function load(name: string): Promise<PageFile> {
    const loading = read(name).then((bytes) => fileOf(types[extname(name)] ?? '', bytes));
    loading.catch(() => files.delete(name));
    return loading;
  }

  return {
    file(name) {
      if (!swaggerFiles.includes(name)) return undefined;
      const found = files.get(name) ?? load(name);
      files.set(name, found);
      return found;
    },
  };
}

async function read(name: string): Promise<Uint8Array> {
  const text = own[name];
  return text === undefined ? readFile(join(packaged, name)) : Buffer.from(text);
}

/** Styles that the bundle sets on elements go through the DOM, which needs no 'unsafe-inline'. */
export const swaggerPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
].join('; ');
