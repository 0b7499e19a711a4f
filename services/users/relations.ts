import { askOptionsOf } from '../../actors/client/ask.ts';
import type { CallMeta } from '../../ops/broker/call.ts';
import { gather } from '../../ops/connections/gather.ts';
import { storing } from '../../ops/connections/postgres.ts';
import type { ReadBlocks } from '../../schemas/chat/commands.ts';
import { privateChatId } from '../../schemas/chat/private-id.ts';
import { fail, SuhbatError } from '../../schemas/errors.ts';
import { limits } from '../../schemas/limits.ts';
import type { Page, ProfileList } from '../../schemas/rest/accounts.ts';
import { type PrivacyNote, subjects } from '../../schemas/subjects.ts';
import type { Right } from '../../schemas/user/profile.ts';
import { decodeCursor, paged } from './cursor.ts';
import { callerOf, type UsersParts } from './parts.ts';
import {
  addRelation,
  listRelation,
  type Pair,
  type Relation,
  readStances,
  removeRelation,
  type Stance,
} from './relations.store.ts';
import { findUser } from './users.store.ts';

const tooMany = { contacts: 'too_many_contacts', blocks: 'too_many_blocks' } as const;

/** Contacts, blocks, and what users let each other do. */
export function relationActions({ db, bus, clock, actors, views }: UsersParts) {
  // Every client that connects asks whose presence it may see: those of many go together.
  const stanceOnPresence = gather((pairs: readonly Pair[]) => readStances(db, 'last_seen', pairs));

  return {
    /** Throws `not_found` (`no_user`), `unprocessable` (`oneself`, `too_many_contacts`). */
    async add_contact({ id }: { id: string }, meta: CallMeta): Promise<object> {
      await add('contacts', id, meta);
      return {};
    },

    async remove_contact({ id }: { id: string }, meta: CallMeta): Promise<object> {
      const { user_id } = callerOf(meta);
      await storing(() => removeRelation(db, 'contacts', { user_id, other_id: id }));
      tell({ user_id, viewer_id: id });
      return {};
    },

    async contacts(page: Page & { search: string }, meta: CallMeta): Promise<ProfileList> {
      return list('contacts', page, meta);
    },

    /**
     * Blocks a user: answered when their private chat, wherever it is in memory, refuses messages. Throws `not_found`
     * (`no_user`), `unprocessable` (`oneself`, `too_many_blocks`), `unavailable` and `timeout`: it may be set then,
     * and is to be repeated.
     */
    async block({ id }: { id: string }, meta: CallMeta): Promise<object> {
      const user_id = await add('blocks', id, meta);
      await tellBlocks(user_id, id, meta);
      return {};
    },

    /** Takes a block back; the same way. */
    async unblock({ id }: { id: string }, meta: CallMeta): Promise<object> {
      const { user_id } = callerOf(meta);
      await storing(() => removeRelation(db, 'blocks', { user_id, other_id: id }));
      await tellBlocks(user_id, id, meta);
      return {};
    },

    async blocks(page: Page, meta: CallMeta): Promise<ProfileList> {
      return list('blocks', { ...page, search: '' }, meta);
    },

    /**
     * Those of these users who do not let the caller do this: their settings say no, or they block the caller; for
     * `last_seen` also whom the caller blocks. Who is no user has nothing to hide.
     */
    async closed(
      { right, ids }: { right: Right; ids: readonly string[] },
      meta: CallMeta,
    ): Promise<string[]> {
      const { user_id: viewer } = callerOf(meta);
      const others = [...new Set(ids)].filter((id) => id !== viewer);
      const pairs = others.map((other) => ({ viewer, other }));
      const stances = await storing(() => stancesOf(right, pairs));
      return others.filter((_, at) => isClosed(right, stances[at]));
    },

    /** Those of these viewers from whom the user hides presence: for gateways whose clients watch. */
    async hides_from({ id, viewers }: { id: string; viewers: readonly string[] }): Promise<string[]> {
      const others = viewers.filter((viewer) => viewer !== id);
      const pairs = others.map((viewer) => ({ viewer, other: id }));
      const stances = await storing(() => readStances(db, 'last_seen', pairs));
      return others.filter((_, at) => isClosed('last_seen', stances[at]));
    },
  };

  function stancesOf(right: Right, pairs: readonly Pair[]): Promise<(Stance | undefined)[]> {
    return right === 'last_seen' ? Promise.all(pairs.map(stanceOnPresence)) : readStances(db, right, pairs);
  }

  /** The caller's id. */
  async function add(relation: Relation, other_id: string, meta: CallMeta): Promise<string> {
    const { user_id } = callerOf(meta);
    if (user_id === other_id) throw fail('unprocessable', { reason: 'oneself', detail: 'This is yourself' });
    const most = limits[relation];
    const added = await storing(async () => {
      if ((await findUser(db, other_id)) === null) throw fail('not_found', { reason: 'no_user' });
      return addRelation(db, relation, { user_id, other_id, now: clock.now(), most });
    });
    if (!added)
      throw fail('unprocessable', { reason: tooMany[relation], detail: `There may be ${most} at most` });
    return user_id;
  }

  async function list(
    relation: Relation,
    { search, limit, cursor }: Page & { search: string },
    meta: CallMeta,
  ): Promise<ProfileList> {
    const { user_id } = callerOf(meta);
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    const wanted = { user_id, search: search.trim().replace(/^@/, ''), after, limit: limit + 1 };
    const rows = await storing(() => listRelation(db, relation, wanted));
    return paged(rows, limit, ({ since, id }) => ({ rank: since, id }), views.profileOf);
  }

  /** What is committed is what the chat reads; one that is not in memory reads it when it comes there. */
  async function tellBlocks(one: string, other: string, meta: CallMeta): Promise<void> {
    tell({ user_id: one, viewer_id: other });
    tell({ user_id: other, viewer_id: one });
    const id = privateChatId(one, other);
    const command: ReadBlocks = { type: 'chat.blocks', by: one, user_id: other };
    const result = (await actors.peek('chat', [id], command, askOptionsOf(meta))).get(id);
    if (result !== undefined && 'refusal' in result) throw new SuhbatError(result.refusal);
  }

  function tell(note: PrivacyNote): void {
    bus.publish(subjects.privacy, { frame: '', note });
  }
}

function isClosed(right: Right, stance: Stance | undefined): boolean {
  if (stance === undefined) return false;
  return stance.blocks || !stance.allows || (right === 'last_seen' && stance.blocked);
}
