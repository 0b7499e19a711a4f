import { chatKind } from '../../actors/chat/kind.ts';
import type { ChatState } from '../../actors/chat/state.ts';
import type { ChatStore } from '../../actors/chat/store.ts';
import type { ActorKind, Decision, Outgoing } from '../../actors/runtime/kind.ts';
import type { ChatCommand } from '../../schemas/chat/commands.ts';
import type { ChatEvent, ReadMark } from '../../schemas/chat/events.ts';
import { privateChatId } from '../../schemas/chat/private-id.ts';
import type { UserShort } from '../../schemas/common.ts';
import { type Refusal, refusalOf } from '../../schemas/errors.ts';
import { newId } from '../../schemas/ids.ts';
import { ChatTables, createMemoryChatStore } from './memory-chat-store.ts';

/** A command without its caller. */
export type Asked = ChatCommand extends infer C ? (C extends unknown ? Omit<C, 'by'> : never) : never;

export interface Answered {
  reply: Record<string, unknown> | undefined;
  refusal: Refusal | undefined;
  events: readonly ChatEvent[];
  frames: readonly Outgoing[];
  gate: 'journaled' | 'stored';
}

/** One chat actor, driven by hand through the kind's own functions: a turn, a flush, a reload at a time. */
export class ChatDriver<Tx> {
  readonly id: string;
  readonly kind: ActorKind<ChatState, ChatCommand, ChatEvent, ReadMark, Tx>;
  readonly #commit: (work: (tx: Tx) => Promise<void>) => Promise<void>;
  state!: ChatState;
  /** Everything that was decided, in order. */
  readonly log: ChatEvent[] = [];
  #flushed = 0;
  marks: ReadMark[] = [];
  /** Ahead of the ids that tests make, so that none of those is of the future. */
  now = Date.now() + 60_000;

  constructor(
    id: string,
    store: ChatStore<Tx>,
    commit: (work: (tx: Tx) => Promise<void>) => Promise<void>,
    tail = 100,
  ) {
    this.id = id;
    this.kind = chatKind(store, { tail: { messages: tail, chars: 128 * 1024 } });
    this.#commit = commit;
  }

  async load(): Promise<this> {
    this.state = await this.kind.load(this.id);
    return this;
  }

  get unflushed(): readonly ChatEvent[] {
    return this.log.slice(this.#flushed);
  }

  async ask(by: string, asked: Asked): Promise<Answered> {
    const command = { ...asked, by } as ChatCommand;
    for (let need = this.#need(command); need !== undefined; need = this.#need(command)) {
      const put = await need();
      put(this.state);
    }
    return this.turn(command);
  }

  #need(command: ChatCommand) {
    return this.kind.needs(this.state, command, this.now);
  }

  /** A turn without reading what it needs. */
  turn(command: ChatCommand): Answered {
    let decision: Decision<ChatEvent, ReadMark>;
    try {
      decision = this.kind.decide(this.state, command, this.now);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.code === 'internal') throw error;
      decision = { refuse: refusal };
    }
    const none = { events: [], frames: [], gate: 'journaled' } as const;
    if ('refuse' in decision) return { ...none, reply: undefined, refusal: decision.refuse };
    const { reply, events = [], marks = [], frames = [], gate = 'journaled' } = decision;
    for (const event of events) this.state = this.kind.evolve(this.state, event);
    this.log.push(...events);
    this.marks.push(...marks);
    const told = events.flatMap((event) => this.kind.frames(this.id, event));
    const asJson = JSON.parse(JSON.stringify(reply)) as Record<string, unknown>;
    return { reply: asJson, refusal: undefined, events, frames: [...told, ...frames], gate };
  }

  /** Writes the oldest `count` unflushed events; where these are all, the marks too. */
  async flush(count = Number.POSITIVE_INFINITY): Promise<void> {
    const events = this.unflushed.slice(0, count);
    const marks = events.length === this.unflushed.length ? this.marks.splice(0) : [];
    await this.project(events, marks);
    this.#flushed += events.length;
    this.kind.flushed(this.state, events);
  }

  async project(events: readonly ChatEvent[], marks: readonly ReadMark[] = []): Promise<void> {
    // As the journal hands them back: through JSON.
    const asRead = JSON.parse(JSON.stringify(events)) as ChatEvent[];
    await this.#commit((tx) =>
      this.kind.project(tx, {
        events: asRead.map((event) => ({ id: this.id, event })),
        marks: marks.map((mark) => ({ id: this.id, mark })),
      }),
    );
  }

  async bury(event: ChatEvent): Promise<boolean> {
    let goesOn = false;
    await this.#commit(async (tx) => {
      goesOn = await this.kind.bury(tx, this.id, event);
    });
    return goesOn;
  }
}

/** A driver over tables in memory. */
export function memoryChat(id = newId(), tail = 100, tables = new ChatTables()) {
  const commit = async (work: (tx: { later(mutation: () => void): void }) => Promise<void>) => {
    const mutations: (() => void)[] = [];
    await work({ later: (mutation) => void mutations.push(mutation) });
    for (const mutation of mutations) mutation();
  };
  const driver = new ChatDriver(id, createMemoryChatStore(tables), commit, tail);
  return { driver, tables };
}

export function userOf(id: string, name = `user ${id.slice(-4)}`): UserShort {
  return { id, username: name.replaceAll(' ', '_'), display_name: name, avatar: null };
}

/** As a sequence gives them: no two chats have one. */
let numbers = 0;

export const createGroup = (by: string, members: readonly string[], title = 'Group'): Asked => ({
  type: 'chat.create',
  chat_type: 'group',
  number: ++numbers,
  title,
  about: null,
  users: [by, ...members].map((id) => userOf(id)),
});

export const createPrivate = (by: string, other: string): Asked => ({
  type: 'chat.create',
  chat_type: 'private',
  number: ++numbers,
  title: null,
  about: null,
  users: [userOf(by), userOf(other)],
});

export const text = (words: string, more: { client_id?: string; reply_to?: number } = {}): Asked => ({
  type: 'message.send',
  client_id: newId(),
  kind: 'text',
  text: words,
  ...more,
});

/** A group with its owner, an admin, and members, in memory. Its head is 5. */
export async function aGroup(tail?: number) {
  const [owner, admin, member, other] = [newId(), newId(), newId(), newId()];
  const { driver, tables } = memoryChat(newId(), tail);
  await driver.load();
  await driver.ask(owner, createGroup(owner, [admin, member, other]));
  await driver.ask(owner, { type: 'member.role', user_id: admin, role: 'admin' });
  return { chat: driver, tables, owner, admin, member, other, stranger: newId() };
}

export async function aPrivateChat() {
  const [ann, bob] = [newId(), newId()];
  const { driver, tables } = memoryChat(privateChatId(ann, bob));
  await driver.load();
  await driver.ask(ann, createPrivate(ann, bob));
  return { chat: driver, tables, ann, bob, stranger: newId() };
}
