import type { Message } from 'suhbat/client';
import { checkChanges } from './changes.ts';
import type { Deliveries, Entry, Recorder } from './recorder.ts';

/** What clients recorded, and what the chats hold in the end (each message once, in its newest state). */
export interface Evidence {
  recorders: readonly Pick<Recorder, 'name' | 'records' | 'deliveries' | 'changes'>[];
  finalHistories: ReadonlyMap<string, readonly Message[]>;
  /** How often an operator let a chat go on far above its head (`npm run journal -- adopt`). Default: never. */
  raised?(chatId: string): number;
}

interface Chat {
  id: string;
  history: readonly Message[];
  bySeq: Map<number, Message>;
  byClientId: Map<string, Message>;
  entries: readonly Named[];
  deliveries: readonly [name: string, Deliveries][];
  raised: number;
}

type Named = Entry & { by: string };

/**
 * The client's side of the promises 1–6 of a chat server, as sentences about each breach; none when all hold.
 *
 * 1. Every acked message is in the history, once, at the seq that was acked, as the last acked change left it.
 * 2. One `client_id` is one message.
 * 3. Seqs are 1, 2, 3 … without a gap (each is a message's own or that of its newest change; the seq of a
 *    change that was changed again is not seen any more); but for the jump of each time that a chat was raised.
 * 4. Every receiver sees one and the same order, without gap or repeat, and nothing that is not in the history; and of
 *    every message its newest change.
 * 5. If A was acked before B was sent, A's seq is smaller.
 * 6. What was refused never appears. (What is of unknown outcome at most once: by 2.)
 */
export function checkPromises({ recorders, finalHistories, raised = () => 0 }: Evidence): string[] {
  const entries = new Map<string, Named[]>();
  for (const { name, records } of recorders)
    for (const one of records) {
      const own = entries.get(one.chat_id) ?? [];
      entries.set(one.chat_id, own);
      own.push({ ...one, by: name });
    }
  const changes = Map.groupBy(
    recorders.flatMap((one) => one.changes),
    ({ chat_id }) => chat_id,
  );
  const ids = new Set([
    ...finalHistories.keys(),
    ...entries.keys(),
    ...recorders.flatMap(({ deliveries }) => [...deliveries.keys()]),
  ]);
  return [...ids].flatMap((id) => {
    const history = finalHistories.get(id);
    if (history === undefined) return [`chat ${id}: there is no final history`];
    const chat: Chat = {
      id,
      history,
      bySeq: new Map(history.map((message) => [message.seq, message])),
      byClientId: new Map(history.flatMap((one) => (one.client_id === null ? [] : [[one.client_id, one]]))),
      entries: entries.get(id) ?? [],
      deliveries: recorders.flatMap(({ name, deliveries }) => {
        const own = deliveries.get(id);
        return own === undefined ? [] : [[name, own]];
      }),
      raised: raised(id),
    };
    return [
      ...ackedOnce(chat),
      ...checkChanges(chat.bySeq, changes.get(id) ?? []),
      ...oneMessageEach(chat),
      ...gapFree(chat),
      ...oneOrder(chat),
      ...inOrderOfTime(chat),
      ...refusedNever(chat),
    ].map((breach) => `chat ${id}: ${breach}`);
  });
}

function of<T extends Entry['type']>(chat: Chat, type: T): (Named & { type: T })[] {
  return chat.entries.filter((one): one is Named & { type: T } => one.type === type);
}

function ackedOnce(chat: Chat): string[] {
  const texts = new Map(of(chat, 'invoke').map(({ client_id, text }) => [client_id, text]));
  return of(chat, 'ok').flatMap(({ by, client_id, seq }) => {
    const there = chat.bySeq.get(seq);
    const what = `promise 1: ${by}'s ${client_id} was acked at ${seq}`;
    if (there === undefined) return [`${what}, but nothing is there`];
    if (there.client_id !== client_id) return [`${what}, but ${there.client_id} is there`];
    const untouched = there.edited_at === null && there.deleted_at === null;
    if (untouched && there.text !== texts.get(client_id)) return [`${what}, but with another text`];
    return [];
  });
}

function oneMessageEach(chat: Chat): string[] {
  const seqs = new Map<string, Set<number>>();
  const add = (key: string, seq: number) => seqs.set(key, (seqs.get(key) ?? new Set()).add(seq));
  for (const { sender_id, client_id, seq } of chat.history)
    if (client_id !== null) add(`${client_id} of ${sender_id}`, seq);
  for (const { client_id, seq } of of(chat, 'ok')) add(`${client_id}'s acks`, seq);
  return [...seqs]
    .filter(([, set]) => set.size > 1)
    .map(([key, set]) => `promise 2: ${key} stand at ${[...set].join(' and ')}`);
}

function gapFree(chat: Chat): string[] {
  const taken = new Map<number, number>();
  const take = (seq: number) => taken.set(seq, (taken.get(seq) ?? 0) + 1);
  const changed = chat.history.filter((one) => one.changed_seq !== one.seq);
  for (const { seq } of chat.history) take(seq);
  for (const { changed_seq } of changed) take(changed_seq);
  const breaches = [...taken]
    .filter(([, times]) => times > 1)
    .map(([seq, times]) => `promise 3: seq ${seq} is taken ${times} times`);
  const order = [...taken.keys()].sort((one, other) => one - other);
  let jumps = 0;
  let before = 0;
  for (const next of order) {
    if (next - before > leastJump) {
      if (chat.bySeq.get(next)?.service?.action === 'updated') jumps++;
      else breaches.push(`promise 3: nothing is between ${before} and ${next}`);
    } else
      for (let seq = before + 1; seq < next; seq++)
        if (!changed.some((one) => one.seq < seq && seq < one.changed_seq))
          breaches.push(`promise 3: seq ${seq} of ${order.at(-1)} is missing`);
    before = next;
  }
  if (jumps > chat.raised)
    breaches.push(`promise 3: ${jumps} jumps, though it was raised ${chat.raised} times`);
  return breaches;
}

/** A chat that is raised leaves so many seqs out, at the least. */
const leastJump = 900_000;

function oneOrder(chat: Chat): string[] {
  const order = chat.history.map(({ seq }) => seq).sort((one, other) => one - other);
  return chat.deliveries.flatMap(([name, own]) => orderOf(chat, order, name, own));
}

function orderOf(chat: Chat, order: number[], name: string, own: Deliveries): string[] {
  const breaches = own.resets.map((head) => `promise 4: ${name} had to begin anew at ${head}`);
  for (const [position, before] of own.disorder)
    breaches.push(`promise 4: ${name} received ${position} after ${before}`);
  let at = order.indexOf(own.received[0]?.seq ?? 0);
  let before = 0;
  const missed = (until: number, position: number) => {
    for (; at >= 0 && (order[at] ?? until) < until; at++)
      breaches.push(`promise 4: ${name} received ${position} but not ${order[at]} before`);
  };
  for (const { seq, client_id, sender_id } of own.received) {
    const there = chat.bySeq.get(seq);
    if (there === undefined) breaches.push(`promise 4: ${name} received ${seq}, which is not in the history`);
    else if (there.client_id !== client_id || there.sender_id !== sender_id)
      breaches.push(`promise 4: ${name} received another message ${seq} than the history holds`);
    if (seq <= before) continue;
    missed(seq, seq);
    at++;
    before = seq;
  }
  missed(own.seen + 1, own.seen);
  return [...breaches, ...changesMissed(chat, name, own)];
}

/** Of what was changed between one's first event and one's last, the newest change was delivered, or came with it. */
function changesMissed(chat: Chat, name: string, { first, seen, states }: Deliveries): string[] {
  return chat.history.flatMap(({ seq, changed_seq }) => {
    const held = states.get(seq) ?? seq;
    const due = changed_seq !== seq && changed_seq > first && changed_seq <= seen;
    return due && held !== changed_seq
      ? [`promise 4: ${name} was told of ${seq} as of ${held}, but not of its change at ${changed_seq}`]
      : [];
  });
}

function inOrderOfTime(chat: Chat): string[] {
  const breaches: string[] = [];
  const acks = of(chat, 'ok').sort((one, other) => one.at - other.at);
  const sends = of(chat, 'invoke').sort((one, other) => one.at - other.at);
  let next = 0;
  let highest: (typeof acks)[number] | undefined;
  for (const { at, by, client_id } of sends) {
    for (let ack = acks[next]; ack !== undefined && ack.at < at; ack = acks[++next])
      if (ack.seq > (highest?.seq ?? 0)) highest = ack;
    const seq = chat.byClientId.get(client_id)?.seq;
    if (seq !== undefined && highest !== undefined && seq <= highest.seq)
      breaches.push(
        `promise 5: ${by}'s ${client_id} has seq ${seq}, but was sent after ${highest.client_id} was acked at ${highest.seq}`,
      );
  }
  return breaches;
}

function refusedNever(chat: Chat): string[] {
  const seen = new Map<string, string>();
  for (const [name, { received, changed }] of chat.deliveries)
    for (const { client_id } of [...received, ...changed])
      if (client_id !== null) seen.set(client_id, `was received by ${name}`);
  for (const clientId of chat.byClientId.keys()) seen.set(clientId, 'is in the history');
  return of(chat, 'fail').flatMap(({ by, client_id, code }) => {
    const where = seen.get(client_id);
    return where === undefined ? [] : [`promise 6: ${by}'s ${client_id} was refused (${code}) but ${where}`];
  });
}
