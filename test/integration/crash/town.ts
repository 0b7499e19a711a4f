import { type Client, connect, register } from 'suhbat/client';
import { eventually } from '../../support/eventually.ts';
import { createRecorder, type Recorder, wholeHistory } from '../../support/recorder.ts';

/** One person with a client that never stops writing. */
export interface Citizen {
  client: Client;
  recorder: Recorder;
  /** The chats that this person is in. */
  chats: string[];
}

/** Twenty people in ten chats: five private ones and five groups. */
export interface Town {
  citizens: Citizen[];
  chats: string[];
  /** Sends from now on, each person one message after the other, until the returned function is called. */
  write(): () => Promise<void>;
  /** How many messages were acked so far. */
  acked(): number;
  /** Waits until every client holds the head of all its chats. */
  caughtUp(): Promise<void>;
  histories(): Promise<Map<string, Awaited<ReturnType<typeof wholeHistory>>>>;
  close(): void;
}

const people = 20;
const groups = 5;
const pairs = 5;

export async function settle(url: string, random: () => number): Promise<Town> {
  const clients: Client[] = [];
  for (let n = 0; n < people; n++) {
    const tokens = await register(url, {
      email: `citizen${n}@town.example`,
      username: `citizen${n}`,
      password: 'a long enough password',
    });
    clients.push(
      connect({ url, tokens, settings: { backoffBaseMs: 50, backoffMaxMs: 400, requestTimeoutMs: 5000 } }),
    );
  }
  const ids = await Promise.all(clients.map(async (client) => (await client.ready()).user_id));
  const membership = new Map<string, number[]>();
  for (let n = 0; n < pairs; n++) {
    const chat = await at(clients, 2 * n).createPrivateChat({ user_id: at(ids, 2 * n + 1) });
    membership.set(chat.id, [2 * n, 2 * n + 1]);
  }
  for (let n = 0; n < groups; n++) {
    const members = Array.from({ length: 8 }, (_, index) => (n * 3 + index) % people);
    const [owner = 0, ...others] = members;
    const member_ids = others.map((index) => at(ids, index));
    const chat = await at(clients, owner).createGroup({ title: `Group ${n}`, member_ids });
    membership.set(chat.id, members);
  }
  const chats = [...membership.keys()];
  const citizens = clients.map((client, index) => {
    const own = chats.filter((id) => membership.get(id)?.includes(index));
    for (const id of own) client.follow(id, 0);
    return { client, recorder: createRecorder(client, `citizen${index}`), chats: own };
  });
  let writing = true;
  const acked = () =>
    citizens.flatMap(({ recorder }) => recorder.records).filter((one) => one.type === 'ok').length;
  const histories = async () => {
    const found = new Map<string, Awaited<ReturnType<typeof wholeHistory>>>();
    for (const chat of chats) {
      const member = at(clients, membership.get(chat)?.[0] ?? 0);
      found.set(chat, await wholeHistory(member, chat));
    }
    return found;
  };

  return {
    citizens,
    chats,
    acked,
    histories,
    write() {
      const loops = citizens.map(async ({ recorder, chats: own }) => {
        for (let n = 1; writing; n++)
          await recorder.send(at(own, Math.floor(random() * own.length)), `number ${n} of ${recorder.name}`);
      });
      return async () => {
        writing = false;
        await Promise.all(loops);
      };
    },
    async caughtUp() {
      const heads = new Map([...(await histories())].map(([chat, all]) => [chat, all.at(-1)?.seq ?? 0]));
      await eventually(() => {
        for (const { recorder, chats: own } of citizens)
          for (const chat of own) {
            const last = recorder.received(chat).at(-1)?.seq ?? 0;
            if (last !== heads.get(chat))
              return `${recorder.name} holds ${last} of ${heads.get(chat)} in ${chat}`;
          }
        return true;
      }, 30_000);
    },
    close() {
      writing = false;
      for (const { client, recorder } of citizens) {
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
