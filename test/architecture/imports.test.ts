import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { breaches } from './import-rules.ts';
import { importsOf, projectSources, root } from './read-imports.ts';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};
const dependencies = Object.keys(manifest.dependencies);

describe('the architecture', () => {
  it('holds: every import of every file is allowed', () => {
    const sources = projectSources();
    expect(sources.map(({ path }) => path)).to.include('ops/main.ts');
    expect(breaches(sources, dependencies)).to.deep.equal([]);
  });
});

/** What the checker says of made-up files: `[path, code]`. */
function found(...files: [string, string][]): string[] {
  return breaches(
    files.map(([path, text]) => ({ path, text })),
    dependencies,
  );
}

describe('the architecture test itself', () => {
  it('sees every form of import', () => {
    const text = `
      import { a } from './a.ts';
      import type {
        B,
      } from "../b.ts";
      import './c.ts';
      export * from './d.ts';
      const e = await import('./e.ts');
      const f = require('f/deep');
      const g = new URL('./g.ts', import.meta.url);
      type H = import('@scope/h/deep').H;
      // import './no.ts';
      /* export * from './no.ts'; */
    `;
    expect(importsOf({ path: 'x/y/z.ts', text }).map(({ to }) => to)).to.have.members([
      'x/y/a.ts',
      'x/b.ts',
      'x/y/c.ts',
      'x/y/d.ts',
      'x/y/e.ts',
      'f',
      'x/y/g.ts',
      '@scope/h',
    ]);
  });

  it('is not fooled by strings that look like comments', () => {
    const text = "const url = 'http://a'; const glob = '/*';\nimport { b } from './b.ts';\n";
    expect(importsOf({ path: 'x/a.ts', text }).map(({ to }) => to)).to.deep.equal(['x/b.ts']);
  });

  const forbidden: [string, string, string][] = [
    ['schemas knows nothing of ours', 'schemas/a.ts', "import '../ops/bus/bus.ts';"],
    ['ops knows schemas only', 'ops/bus/a.ts', "import '../../actors/client/ask.ts';"],
    ['actors know no service', 'actors/chat/a.ts', "import '../../services/users/a.ts';"],
    ['the runtime knows no kind', 'actors/runtime/a.ts', "import '../chat/rules.ts';"],
    ['the journal knows no runtime', 'actors/journal/a.ts', "import '../runtime/shard.ts';"],
    ['a kind knows only the interface of the runtime', 'actors/chat/a.ts', "import '../runtime/shard.ts';"],
    ['a kind knows no other kind', 'actors/chat/a.ts', "import type { X } from '../user/state.ts';"],
    [
      'services know only the client of actors',
      'services/chats/a.ts',
      "import '../../actors/chat/rules.ts';",
    ],
    ['services never import another service', 'services/chats/a.ts', "import '../users/views.ts';"],
    ['the gateway knows no service', 'gateway/http/a.ts', "import '../../services/users/views.ts';"],
    ['the gateway knows only the client of actors', 'gateway/a.ts', "import '../actors/runtime/kind.ts';"],
    ['nothing but tests knows tests', 'ops/main.ts', "import '../test/support/a.ts';"],
    ['the SDK has no dependencies', 'gateway/client/a.ts', "import 'node:fs';"],
    ['the SDK knows no server', 'gateway/client/a.ts', "import '../http/route.ts';"],
    ['the page knows no server', 'gateway/web/app/views/a.tsx', "import '../../../http/route.ts';"],
    ['only the bundler compiles', 'gateway/web/page.ts', "import 'esbuild';"],
    ['a new folder needs a rule', 'plugins/a.ts', "import '../schemas/ids.ts';"],
    ['sockets live in the gateway', 'ops/a.ts', "import { App } from 'uWebSockets.js';"],
    ['Ajv lives in schemas', 'gateway/http/a.ts', "import { Ajv } from 'ajv';"],
    ['slonik lives in stores', 'services/users/users.service.ts', "import { sql } from 'slonik';"],
    ['what is not installed on purpose is not used', 'ops/a.ts', "import _ from 'lodash';"],
    ['node modules are named as such', 'ops/a.ts', "import { join } from 'path';"],
    ['imports can be read', 'ops/a.ts', 'await import(name);'],
    ['only ops/config reads the environment', 'ops/bus/a.ts', 'const level = process.env.LEVEL;'],
    ['nor by another way', 'gateway/a.ts', "import { env } from 'node:process';"],
    ['rules do no I/O', 'actors/chat/rules.ts', "import { readFile } from 'node:fs';"],
    ['rules read no store', 'actors/chat/rules.ts', "import { load } from './store.ts';"],
    ['rules have no clock', 'actors/chat/rules.ts', 'const at = Date.now();'],
    ['states make no ids', 'actors/chat/state.ts', "import { newId } from '../../schemas/ids.ts';"],
  ];
  for (const [promise, path, code] of forbidden)
    it(`fails where ${promise} is broken`, () => {
      expect(found([path, code])).to.have.length.above(0);
    });

  it('fails where jsonwebtoken or bcryptjs get a second home', () => {
    const one: [string, string] = ['ops/security/a.ts', "import jwt from 'jsonwebtoken';"];
    expect(found(one)).to.deep.equal([]);
    expect(found(one, ['services/users/b.ts', "import jwt from 'jsonwebtoken';"])).to.have.length(1);
  });

  it('fails where rules reach I/O through a file of their own folder', () => {
    const rules: [string, string] = ['actors/chat/rules.ts', "import { help } from './help.ts';"];
    expect(found(rules, ['actors/chat/help.ts', "import './text.ts';"])).to.deep.equal([]);
    expect(found(rules, ['actors/chat/help.ts', "import 'node:fs';"])).to.have.length(1);
  });

  it('passes what is allowed', () => {
    const allowed: [string, string][] = [
      ['actors/chat/store.ts', "import { sql } from 'slonik';"],
      ['actors/chat/kind.ts', "import type { ActorKind } from '../runtime/kind.ts';"],
      ['services/users/users.service.ts', "import type { Actors } from '../../actors/client/ask.ts';"],
      ['gateway/server.ts', "import { App } from 'uWebSockets.js';\nimport '../schemas/ids.ts';"],
      ['ops/main.ts', "import '../services/users/users.service.ts';\nloadConfig(process.env, []);"],
      ['test/unit/a.test.ts', "import { expect } from 'chai';\nimport '../../actors/chat/rules.ts';"],
    ];
    expect(found(...allowed)).to.deep.equal([]);
  });
});
