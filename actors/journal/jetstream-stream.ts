import { randomBytes } from 'node:crypto';
import type { ServerInfo, StreamConfig, StreamInfo } from 'nats';
import { type Clock, sleep } from '../../ops/process/clock.ts';
import { StartError } from '../../ops/process/start-error.ts';
import { errCodes, type JetstreamApi, JetstreamRefusal, nanosOfMs } from './jetstream-api.ts';
import { appendFault, isStreamMissing } from './jetstream-faults.ts';
import { Unanswered } from './jetstream-requests.ts';

export interface StreamShape {
  stream: string;
  replicas: number;
  maxBytes: number;
  duplicateWindowMs: number;
  /** Make the stream where there is none, and write down which life it is where that is not written. */
  make: boolean;
  /** Bring the bound of one that is there to `maxBytes`. */
  fit: boolean;
}

/**
 * One life of the stream. Its token stands in the subject of the records, so that an append to a stream that
 * was deleted and made anew by one of us reaches nobody. `id` stands in a record of the stream, written once and
 * trimmed by none of us, and is the token and the time of the making: a stream that an operator made anew from a
 * saved configuration has another, or none. The time by itself does not do: NATS 2.9 shows another one when a stream
 * whose configuration was changed is loaded again.
 */
export interface JetstreamLife {
  stream: string;
  id: string;
  /** `suhbat.journal.<token>.`; then comes the shard. */
  prefix: string;
  /** As the server shows it. While it stays the same, so does the life. */
  created: string;
}

const subjectPattern = /^suhbat\.journal\.([0-9a-f]+)\.\*$/;
/**
 * Of the record that says which life this is. Older servers may carry out two creations of one name at once, but
 * never two whose subjects overlap.
 */
const reserved = (stream: string) => `suhbat.journal.${stream}`;
/** Servers show it for an instant while they make or load a stream. */
const neverCreated = '0001-01-01T00:00:00Z';
/**
 * What NATS takes unless it is told otherwise. A batch ends at 256 KiB, but the events of one turn stay together: those
 * of 200 new members, each with a chat's longest title and about.
 */
const leastPayload = 1024 * 1024;

/** What the server must be. Throws a StartError. */
export function checkServer(info: ServerInfo | undefined, { replicas }: StreamShape): void {
  const { version = '0', max_payload = 0 } = info ?? {};
  if (replicas > 1 && !atLeast(version, 2, 11))
    throw unable(
      `${replicas} replicas of the journal need NATS 2.11 or newer, since older servers may let two owners append at once; this one is ${version}`,
    );
  if (max_payload < leastPayload)
    throw unable(`NATS takes messages of up to ${max_payload} bytes; the journal needs ${leastPayload}`);
}

/**
 * Finds the stream, or makes it; brings its bound up to date. Of several processes that make it at once one
 * does, and the others find it. Waits up to `withinMs` for JetStream. Throws a StartError, also for a
 * stream of another shape.
 */
export async function openStream(
  api: JetstreamApi,
  shape: StreamShape,
  clock: Clock,
  withinMs: number,
): Promise<{ life: JetstreamLife; info: StreamInfo }> {
  const until = clock.monotonic() + withinMs;
  for (;;) {
    try {
      const info = await findOrMake(api, shape);
      if (isLoading(info)) throw new Unanswered('it is being made');
      checkShape(info.config, shape);
      // First: a full one has no room for the record of its life.
      const { max_bytes } = info.config;
      const fits = !shape.fit || max_bytes === shape.maxBytes;
      const fitting = fits ? info : await api.update({ ...info.config, max_bytes: shape.maxBytes });
      return { life: await findLife(api, info, shape), info: fitting };
    } catch (error) {
      if (error instanceof StartError) throw error;
      // Missing: a cluster has heard of it, and is not done with making it.
      const passes =
        error instanceof Unanswered ||
        isStreamMissing(error) ||
        (error instanceof JetstreamRefusal && error.code === 503);
      const over = clock.monotonic() >= until;
      // Not every server of a cluster needs to have it, so the one that we speak to does not decide.
      if (over && error instanceof Unanswered && error.unheard)
        throw unable('nobody on NATS answers for JetStream, where the journal should be', error);
      if (!passes || over)
        throw unable(
          `the journal’s stream ${shape.stream} cannot be opened: ${(error as Error).message}`,
          error,
        );
    }
    await sleep(clock, 250);
  }
}

/** Does the server not know it yet? */
export function isLoading({ created }: StreamInfo): boolean {
  return created === neverCreated;
}

/** Is what the server shows now still this life? Gives it, or undefined. */
export async function stillAlive(
  life: JetstreamLife,
  api: JetstreamApi,
  { config, created }: StreamInfo,
): Promise<JetstreamLife | undefined> {
  if (prefixOf(config) !== life.prefix) return undefined;
  if (created === life.created) return life;
  return (await idOf(api, life.stream)) === life.id ? { ...life, created } : undefined;
}

/** Reads which life it is, or writes it down. */
async function findLife(
  api: JetstreamApi,
  { config, created }: StreamInfo,
  { stream, make }: StreamShape,
): Promise<JetstreamLife> {
  const prefix = prefixOf(config);
  const life = (id: string) => ({ stream, id, prefix, created });
  const found = await idOf(api, stream);
  if (found !== undefined) return life(found);
  const made = `${subjectPattern.exec(`${prefix}*`)?.[1]}/${created}`;
  if (make)
    try {
      await api.first(reserved(stream), made);
    } catch (error) {
      // Another process was first; or there is no room, and then the time of its making must do until the next start.
      const fault = error instanceof JetstreamRefusal ? appendFault(error.answer) : undefined;
      if (fault !== 'refused' && fault !== 'full') throw error;
      return life((await idOf(api, stream)) ?? made);
    }
  return life(made);
}

async function idOf(api: JetstreamApi, stream: string): Promise<string | undefined> {
  return (await api.newest(reserved(stream)))?.payload.toString();
}

function prefixOf({ subjects = [] }: StreamConfig): string {
  return (subjects[0] ?? '').slice(0, -1);
}

async function findOrMake(api: JetstreamApi, shape: StreamShape): Promise<StreamInfo> {
  try {
    return await api.info();
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
  }
  if (!shape.make) throw unable(`there is no stream ${shape.stream}`);
  try {
    return await api.create(configOf(shape));
  } catch (error) {
    // Another process was first.
    const made = [errCodes.streamNameInUse, errCodes.subjectsOverlap] as number[];
    if (!(error instanceof JetstreamRefusal) || !made.includes(error.errCode)) throw error;
    return await api.info();
  }
}

function configOf({ stream, replicas, maxBytes, duplicateWindowMs }: StreamShape): Partial<StreamConfig> {
  return {
    name: stream,
    description: 'The journal of Suhbat: one subject a shard.',
    subjects: [`suhbat.journal.${randomBytes(6).toString('hex')}.*`, reserved(stream)],
    ...fixed,
    num_replicas: replicas,
    max_bytes: maxBytes,
    duplicate_window: duplicateWindowMs * nanosOfMs,
    deny_delete: true,
  } as Partial<StreamConfig>;
}

/** It refuses what does not fit, and forgets nothing by itself. */
const fixed = {
  storage: 'file',
  retention: 'limits',
  discard: 'new',
  max_age: 0,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_msg_size: -1,
} as const;

function checkShape(config: StreamConfig, { stream, replicas, duplicateWindowMs }: StreamShape): void {
  const wanted = { ...fixed, num_replicas: replicas, duplicate_window: duplicateWindowMs * nanosOfMs };
  const other = (Object.keys(wanted) as (keyof typeof wanted)[])
    .filter((name) => config[name] !== wanted[name])
    .map((name) => `${name} ${config[name]} instead of ${wanted[name]}`);
  const { subjects = [] } = config;
  if (subjects.length !== 2 || !subjectPattern.test(subjects[0] ?? '') || subjects[1] !== reserved(stream))
    other.push(`subjects [${subjects}] instead of [suhbat.journal.<token>.*,${reserved(stream)}]`);
  if (config.sealed || config.deny_purge) other.push('no purges');
  if (config.mirror !== undefined || (config.sources?.length ?? 0) > 0) other.push('a source');
  if (other.length > 0)
    throw unable(`the stream ${stream} exists and has another shape than the journal’s: ${other.join(', ')}`);
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [itsMajor = 0, itsMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return itsMajor > major || (itsMajor === major && itsMinor >= minor);
}

function unable(why: string, cause?: unknown): StartError {
  return new StartError(`Suhbat cannot start: ${why}.`, cause);
}
