import type { Result } from '../../actors/client/ask.ts';
import { shardOf } from '../../actors/client/shard-of.ts';
import type { ChatCommand, HotEntry } from '../../schemas/chat/commands.ts';
import type { ChatEvent } from '../../schemas/chat/events.ts';
import { uuidV7Maker } from '../../schemas/ids.ts';
import type { ChatTables } from '../support/memory-chat-store.ts';
import type { Cluster, SimNode } from './cluster.ts';
import type { Scheduler, Session } from './scheduler.ts';

/** One send, with the step at which it began and the step of its last answer. */
export interface Send {
  chat: string;
  sender: string;
  client_id: string;
  began: number;
  answered: number;
  /** `unknown`: at least one try may have been done and none was acked. */
  outcome: 'acked' | 'refused' | 'unknown';
  seq: number;
}

export interface ClientsParts {
  scheduler: Scheduler;
  cluster: Cluster;
  tables: ChatTables;
  shards: number;
  chats: string[];
  /** A chat whose creation PostgreSQL refuses: nobody can use it before an operator looked. */
  unborn: string | undefined;
  users: string[];
  sendsEach: number;
}

/** How long a client waits for an answer. */
const budgetMs = 1500;
/** A caller that waits so long shows whether an answer comes at all, and not only when time is up. */
const patientMs = 10 ** 9;

const poison = 'poison';

/** Does PostgreSQL refuse this event? */
export function isPoisonous(event: ChatEvent): boolean {
  return event.message.text.startsWith(poison) || (event.type === 'noted' && event.facts?.title === poison);
}

/** People who write, change, read and repeat themselves, and remember what they were told. */
export class Clients {
  readonly sends: Send[] = [];
  /** What they saw that must not be. */
  readonly complaints: string[] = [];
  left: number;
  readonly #asks = new Set<{ node: SimNode }>();
  readonly #parts: ClientsParts;
  readonly #newClientId: () => string;
  readonly #world: Session = { name: 'clients', dead: false, paused: false };

  constructor(parts: ClientsParts) {
    const { scheduler } = parts;
    this.#parts = parts;
    this.left = parts.users.length;
    this.#newClientId = uuidV7Maker(
      () => scheduler.clock.now(),
      (bytes) => {
        for (let index = 0; index < bytes.length; index++)
          bytes[index] = Math.floor(scheduler.random() * 256);
      },
    );
  }

  start(): void {
    for (const user of this.#parts.users) void this.#live(user).finally(() => this.left--);
  }

  async #live(user: string): Promise<void> {
    const { scheduler, chats, sendsEach } = this.#parts;
    for (let n = 0; n < sendsEach; n++) {
      await scheduler.step(this.#world, 'think');
      const chat = scheduler.pick(chats);
      await this.#create(chat);
      const send = await this.#send(user, chat);
      if (send.outcome === 'acked' && scheduler.chance(0.2)) await this.#repeat(send);
      if (scheduler.chance(0.3)) await this.#change(user, chat);
      if (scheduler.chance(0.4)) await this.#read(user, chat);
    }
  }

  async #create(chat: string): Promise<void> {
    const { users, tables, unborn } = this.#parts;
    if (tables.chats.get(chat)?.facts !== undefined) return;
    const short = users.map((id) => ({ id, username: id, display_name: id, avatar: null }));
    const result = await this.#ask(chat, {
      type: 'chat.create',
      by: users[0] as string,
      chat_type: 'group',
      number: 1,
      title: chat === unborn ? poison : 'all',
      about: null,
      users: short,
    });
    if ('reply' in result && tables.chats.get(chat)?.facts === undefined)
      this.complaints.push(`the creation of ${chat} was answered before it was stored`);
  }

  async #send(sender: string, chat: string): Promise<Send> {
    const { scheduler } = this.#parts;
    const client_id = this.#newClientId();
    const send: Send = {
      chat,
      sender,
      client_id,
      began: scheduler.steps,
      answered: 0,
      outcome: 'refused',
      seq: 0,
    };
    for (let tries = 0; tries < 3 && send.outcome !== 'acked'; tries++) {
      const result = await this.#ask(chat, this.#sending(send));
      send.answered = scheduler.steps;
      if ('reply' in result) {
        send.outcome = 'acked';
        send.seq = (result.reply as { seq: number }).seq;
      } else if (result.refusal.code === 'timeout') {
        send.outcome = 'unknown';
      }
      if (scheduler.chance(0.3)) break;
    }
    this.sends.push(send);
    return send;
  }

  #sending({ sender, client_id }: Send): ChatCommand {
    const text = client_id.endsWith('7') ? `${poison} of ${client_id}` : `of ${client_id}`;
    return { type: 'message.send', by: sender, client_id, kind: 'text', text };
  }

  async #repeat(send: Send): Promise<void> {
    const result = await this.#ask(send.chat, this.#sending(send));
    if ('reply' in result && (result.reply as { seq: number }).seq !== send.seq)
      this.complaints.push(`${send.client_id} was acked at ${send.seq} and again elsewhere`);
  }

  async #change(by: string, chat: string): Promise<void> {
    const { scheduler } = this.#parts;
    const own = this.sends.filter(
      (send) => send.sender === by && send.chat === chat && send.outcome === 'acked',
    );
    if (own.length === 0) return;
    const target = scheduler.pick(own).seq;
    const reacting = scheduler.chance(0.5);
    await this.#ask(
      chat,
      reacting
        ? { type: 'reaction.set', by, target, emoji: scheduler.pick(['+', '-']) }
        : {
            type: 'message.edit',
            by,
            target,
            text: `${scheduler.chance(0.1) ? poison : 'edited'} ${scheduler.steps}`,
          },
    );
  }

  async #read(by: string, chat: string): Promise<void> {
    const acked = this.sends.filter((send) => send.chat === chat && send.outcome === 'acked');
    const least = Math.max(0, ...acked.map((send) => send.seq));
    const result = await this.#ask(chat, { type: 'chat.entry', by });
    if ('reply' in result && (result.reply as HotEntry).head < least)
      this.complaints.push(
        `a read of ${chat} gave head ${(result.reply as HotEntry).head} after ${least} was acked`,
      );
    await this.#ask(chat, { type: 'read', by, seq: least });
  }

  /** Asks that were given no result, at nodes that were not killed before they had finished. */
  get unanswered(): number {
    return [...this.#asks].filter(({ node }) => !node.killed).length;
  }

  /** One try, at the node that should own the chat, or sometimes at another; a lost answer is unknown. */
  #ask(chat: string, command: ChatCommand): Promise<Result> {
    const { scheduler, cluster, shards } = this.#parts;
    const owner = cluster.nodes.find((node) => node.name === cluster.owners[shardOf('chat', chat, shards)]);
    const node = owner === undefined || scheduler.chance(0.15) ? scheduler.pick(cluster.nodes) : owner;
    if (node === undefined) return Promise.resolve({ refusal: { code: 'unavailable' } });
    return new Promise((resolve) => {
      const cancel = scheduler.clock.after(budgetMs, () => resolve({ refusal: { code: 'timeout' } }));
      void (async () => {
        await scheduler.step(this.#world, 'ask');
        const ask = { node };
        this.#asks.add(ask);
        const patience = scheduler.chance(0.5) ? budgetMs : patientMs;
        const request = { kind: 'chat', id: chat, commands: [command], budgetMs: patience };
        const [result, ...more] = await node.host.ask(request);
        this.#asks.delete(ask);
        if (result === undefined || more.length > 0) this.complaints.push('not one result for one command');
        if (node.dead) return;
        await scheduler.step(this.#world, 'answer');
        cancel();
        if (result !== undefined) resolve(result);
      })();
    });
  }
}
