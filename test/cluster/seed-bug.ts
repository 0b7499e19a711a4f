import { registerHooks } from 'node:module';

/**
 * Loaded into a process of a test cluster before the program (`--import`): makes one mistake in its source while it
 * is loaded, as the environment says. The product knows nothing of it.
 */
const { file, find, put } = JSON.parse(process.env.SEEDED_BUG ?? '{}') as {
  file: string;
  find: string;
  put: string;
};

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith(`/${file}`)) return loaded;
    const source = String(loaded.source);
    if (source.split(find).length !== 2) throw new Error(`${file} does not hold this once: ${find}`);
    return { ...loaded, source: source.replace(find, () => put) };
  },
});
