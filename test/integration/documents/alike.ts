import * as scene from '../../../gateway/documents/examples/scene.ts';
import { isUuid } from '../../../schemas/ids.ts';

/** Fields whose values are the server's own, or the test's. */
const free = new Set([
  'access_token',
  'refresh_token',
  'ticket',
  'number',
  'ip',
  'request_id',
  'connection_id',
  'reconnect_after_ms',
  'version',
  'commit',
  'uptime_s',
  'kid',
  'x',
  'y',
  // Signed, or made by an encoder.
  'url',
  'thumb_url',
  'file_url',
  'size',
]);

const known = new Set<string>([
  ...Object.values(scene.people).map(({ id }) => id),
  scene.groupId,
  scene.privateId,
  scene.loginId,
  scene.nobodyId,
]);

const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/**
 * Where an answer differs from the documented one, as JSON pointers; none: it says the same. Times may be
 * others, and so may ids of what is made by the example itself.
 */
export function differences(documented: unknown, given: unknown, path = ''): string[] {
  const here = [`${path}: ${JSON.stringify(given)} instead of ${JSON.stringify(documented)}`];
  if (typeof documented !== typeof given || (documented === null) !== (given === null)) return here;
  if (free.has(path.split('/').at(-1) ?? '')) return [];
  if (typeof documented === 'string' && typeof given === 'string')
    return documented === given || bothNew(documented, given) ? [] : here;
  if (typeof documented !== 'object' || documented === null) return documented === given ? [] : here;
  const [names, others] = [Object.keys(documented), Object.keys(given as object)];
  if (names.sort().join() !== others.sort().join()) return here;
  return names.flatMap((name) =>
    differences(
      (documented as Record<string, unknown>)[name],
      (given as Record<string, unknown>)[name],
      `${path}/${name}`,
    ),
  );
}

function bothNew(documented: string, given: string): boolean {
  if (time.test(documented) && time.test(given)) return true;
  return isUuid(documented) && isUuid(given) && !known.has(documented) && !known.has(given);
}
