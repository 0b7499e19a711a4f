import { type Client, connect } from 'suhbat/client';
import { createIdentities, createRecorder, type Recorder, wholeHistory } from '../support/recorder.ts';
import { insisting, logIn, registerMany, registerOne } from './accounts.ts';
import { createChanging } from './changing.ts';
import { type Citizen, caughtUp, type Histories, seenBy } from './citizen.ts';
import { createFigures, type Figures } from './figures.ts';
import { type RequestWatch, watchRequests } from './requests.ts';

/** People in groups and private chats, on a server or a cluster. */
export interface Town {
  readonly chats: readonly string[];
  readonly recorders: readonly Recorder[];
  /**
   * Sends from now on, so many messages a second (or as many as before), until `rest`; with every tenth somebody
   * changes one that was acked.
   */
  write(perSecond?: number): void;
  /** No new messages from now on; resolves when each that was begun has ended. */
  rest(): Promise<void>;
  /** Asks for what is no message from now on; changes begun since that have failed are told, too. */
  watchRequests(): Promise<RequestWatch>;
  readonly figures: Figures;
  /** Whose login ended, and why; `unsent`: their messages without an end, which ended with it. */
  readonly signOuts: readonly SignOut[];
  /** Messages that were not sent, because so many of the same person waited. */
  readonly heldBack: number;
  /** One more device of somebody, that reaches the town at this address. */
  device(url: string): Promise<Device>;
  /** Waits until every client holds the head of all its chats; gives the chats' whole histories. */
  caughtUp(withinMs: number): Promise<Histories>;
  close(): void;
}

export interface SignOut {
  username: string;
  reason: string | undefined;
  unsent: number;
}

export interface Device {
  /** It follows one of his chats. */
  readonly chat: string;
  readonly owner: Recorder;
  readonly client: Client;
}

/** Unless it says otherwise, everybody is in one chat. */
export interface TownPlan {
  people: number;
  groups: number;
  /** Members of each group. */
  members: number;
  /** The members of the next group begin so many people further: where that is less than `members`, groups overlap. */
  step?: number;
  /** Private chats, of the last people, two by two. */
  pairs?: number;
}

/** Two hundred people in forty chats, half of them private ones. */
export const fullTown: TownPlan = { people: 200, groups: 20, members: 8 };

/** More sends of one person than this do not wait at once. */
const waitingMost = 20;
const changeEvery = 10;
const tickMs = 10;
const settings = { backoffBaseMs: 50, backoffMaxMs: 1000, requestTimeoutMs: 5000 };

export async function settle(url: string, random: () => number, plan: TownPlan = fullTown): Promise<Town> {
  const { people } = plan;
  const tokens = await registerMany(url, people);
  const clients = tokens.map((own) => connect({ url, tokens: own, settings }));
  try {
    const usernames = tokens.map(({ user }) => user.username);
    return await populate({ url, clients, usernames }, random, plan);
  } catch (error) {
    for (const client of clients) client.close();
    throw error;
  }
}

/** Puts them into their chats. */
async function populate(
  { url, clients, usernames }: { url: string; clients: readonly Client[]; usernames: readonly string[] },
  random: () => number,
  { people, groups, members, step = members, pairs = (people - groups * members) / 2 }: TownPlan,
): Promise<Town> {
  const ids = await Promise.all(clients.map(async (client) => (await client.ready()).user_id));
  const membership = new Map<string, number[]>();
  for (let n = 0; n < groups; n++) {
    const own = Array.from({ length: members }, (_, index) => (n * step + index) % people);
    const [owner = 0, ...others] = own;
    const chat = await insisting(() =>
      at(clients, owner).createGroup({
        title: `Group ${n}`,
        member_ids: others.map((index) => at(ids, index)),
      }),
    );
    membership.set(chat.id, own);
  }
  for (let n = people - 2 * pairs; n + 1 < people; n += 2) {
    const chat = await insisting(() => at(clients, n).createPrivateChat({ user_id: at(ids, n + 1) }));
    membership.set(chat.id, [n, n + 1]);
  }
  const chats = [...membership.keys()];
  const figures = createFigures();
  const shared = { observer: figures, identities: createIdentities() };
  /** In place of somebody who is logged out, if he was. */
  function settleIn(client: Client, index: number, before?: Citizen): Citizen {
    const own = chats.filter((id) => membership.get(id)?.includes(index));
    const from = new Map(own.map((id) => [id, before === undefined ? 0 : seenBy(before, id)]));
    for (const [id, seen] of from) client.follow(id, seen);
    client.on('signed_out', ({ error }) => {
      const coming = comeBack(index, error.reason).finally(() => open.delete(coming));
      open.add(coming);
    });
    const username = at(usernames, index);
    const recorder = createRecorder(client, username, shared);
    return { username, client, recorder, chats: own, from, waiting: 0 };
  }
  const citizens = clients.map((client, index) => settleIn(client, index));

  const signOuts: SignOut[] = [];
  /** What `rest` waits for. */
  const open = new Set<Promise<unknown>>();
  /** Those in whose place others came; what they saw is judged, too. */
  const gone: Citizen[] = [];

  /** Where a restore of the database took somebody's newest tokens back, he logs in once more. */
  async function comeBack(index: number, reason: string | undefined): Promise<void> {
    const before = at(citizens, index);
    before.out = true;
    signOuts.push({ username: before.username, reason, unsent: before.waiting });
    const again = () => logIn(url, before.username);
    const own = await again().catch(again);
    gone.push(before);
    citizens[index] = settleIn(connect({ url, tokens: own, settings }), index, before);
  }

  /** They only listen. */
  const devices: Citizen[] = [];
  const everybody = () => [...gone, ...citizens, ...devices];
  let ticking: NodeJS.Timeout | undefined;
  let owed = 0;
  let heldBack = 0;
  let rate = 0;
  let number = 0;
  let visitors = 0;

  const changing = createChanging({
    recorderOf: (person) => at(citizens, person).recorder,
    ids,
    membersOf: (chat) => membership.get(chat) ?? [],
    random,
  });

  function sendOne(): void {
    const person = Math.floor(random() * citizens.length);
    const citizen = at(citizens, person);
    if (citizen.out || citizen.waiting >= waitingMost) {
      heldBack++;
      return;
    }
    const chat = at(citizen.chats, Math.floor(random() * citizen.chats.length));
    citizen.waiting++;
    const sending = citizen.recorder.send(chat, `number ${++number} of ${citizen.recorder.name}`);
    const over = sending.then((outcome) => {
      citizen.waiting--;
      open.delete(over);
      if (outcome.type === 'ok') changing.add(chat, outcome.seq, person);
    });
    open.add(over);
    if (number % changeEvery === 0) changing.change();
  }

  async function histories(): Promise<Histories> {
    const found: Histories = new Map();
    for (const [chat, [member = 0]] of membership)
      found.set(chat, await wholeHistory(at(citizens, member).client, chat));
    return found;
  }

  async function device(address: string): Promise<Device> {
    const owner = at(citizens, Math.floor(random() * ((groups - 1) * step + members)));
    const [chat = ''] = owner.chats;
    const { username } = owner;
    const own = await logIn(url, username);
    const client = connect({ url: address, tokens: own, settings });
    const recorder = createRecorder(client, `${username}'s device ${devices.length}`, shared);
    client.follow(chat, owner.recorder.seen(chat));
    devices.push({ username, client, recorder, chats: [chat], waiting: 0 });
    await client.ready();
    return { chat, owner: owner.recorder, client };
  }

  async function watch(): Promise<RequestWatch> {
    const name = `visitor${++visitors}`;
    const own = await registerOne(url, name);
    // A gateway may wait before it makes his calls.
    const visitor = connect({ url, tokens: own, settings: { ...settings, requestTimeoutMs: 10_000 } });
    await visitor.ready();
    const begun = new Map(everybody().map(({ recorder }) => [recorder, recorder.changes.length]));
    const citizen = () => {
      const here = citizens.filter(({ out }) => !out);
      const one = here[Math.floor(random() * here.length)];
      return one && { client: one.client, chat: at(one.chats, 0) };
    };
    const { stop, failed } = watchRequests({ citizen, visitor, ids, random });
    return {
      stop,
      async failed() {
        const changes = everybody().flatMap(({ recorder }) =>
          recorder.changes.slice(begun.get(recorder) ?? 0),
        );
        try {
          return [...(await failed()), ...changes.flatMap(({ why }) => why ?? [])];
        } finally {
          visitor.close();
        }
      },
    };
  }

  return {
    chats,
    get recorders() {
      return everybody().map(({ recorder }) => recorder);
    },
    figures,
    signOuts,
    get heldBack() {
      return heldBack;
    },
    device,
    watchRequests: watch,
    write(wanted = rate) {
      rate = wanted;
      let before = performance.now();
      ticking ??= setInterval(() => {
        const now = performance.now();
        owed += ((now - before) * rate) / 1000;
        before = now;
        for (; owed >= 1; owed--) sendOne();
      }, tickMs);
    },
    async rest() {
      clearInterval(ticking);
      ticking = undefined;
      while (open.size > 0) await Promise.all(open);
      await changing.rest();
    },
    caughtUp: (withinMs) => caughtUp(() => [...citizens, ...devices], histories, withinMs),
    close() {
      clearInterval(ticking);
      figures.stop();
      for (const { client, recorder } of everybody()) {
        recorder.stop();
        client.close();
      }
    },
  };
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there is no item ${index}`);
  return item;
}
