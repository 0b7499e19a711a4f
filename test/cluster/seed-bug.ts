import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';

/**
 * Loaded into a process of a test cluster before the program (`--import`): makes mistakes in its source while it is
 * loaded, as the environment says. The product knows nothing of it. A mistake that would harm the town while it is
 * still being built waits for `mistaken()`: true from the moment on that the file of SEEDED_BUG_FROM exists.
 */
let begun = false;
Object.assign(globalThis, {
  mistaken: () => {
    begun ||= existsSync(process.env.SEEDED_BUG_FROM ?? '');
    return begun;
  },
});

const edits = JSON.parse(process.env.SEEDED_BUG ?? '[]') as { file: string; find: string; put: string }[];

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    let source: string | undefined;
    for (const { file, find, put } of edits) {
      if (!url.endsWith(`/${file}`)) continue;
      source ??= String(loaded.source);
      if (source.split(find).length !== 2) throw new Error(`${file} does not hold this once: ${find}`);
      source = source.replace(find, () => put);
    }
    return source === undefined ? loaded : { ...loaded, source };
  },
});
