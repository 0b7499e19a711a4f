import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
import type { Chat, ChatEntry } from '../../../schemas/chat/wire.ts';
import type { ReplyFields } from '../../../schemas/frames/server.ts';
import { newId } from '../../../schemas/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { type Chats, shards, startChats } from './support.ts';

for (const why of ['quarantined', 'frozen'] as const)
  describe(`a chat that waits for an operator (${why})`, function () {
    this.timeout(60_000);
    let chats: Chats;
    let ann: string;
    let [waiting, other]: Chat[] = [];

    before(async () => {
      chats = await startChats();
      do {
        // One that has no other chats: those of a try before.
        ann = await chats.aUser();
        waiting = await chats.group(ann, [], 'Waiting');
        other = await chats.group(ann, [], 'Other');
      } while (shardOf('chat', waiting.id, shards) === shardOf('chat', other.id, shards));
      await chats.send(ann, waiting.id, 'fallow');
      await chats.send(ann, other.id, 'fertile');
      await chats.cold();
      if (why === 'quarantined') await chats.quarantine(waiting.id);
      else await freeze(waiting.id);
    });
    after(() => chats?.stop());

    const ids = (some: readonly { id: string }[]) => some.map(({ id }) => id);
    const both = () => [waiting?.id, other?.id].sort();

    it('is refused itself', async () => {
      const refused = await chats.send(ann, waiting?.id ?? '', 'no').catch((error) => error.refusal);
      expect(refused).to.include({ code: 'unavailable', reason: why });
      const read = await chats.as(ann, 'history', { chat_id: waiting?.id }).catch((error) => error.refusal);
      expect(read).to.include({ code: 'unavailable', reason: why });
    });

    it('keeps nobody from the chat list, where it stands as PostgreSQL has it', async () => {
      const { items } = await chats.as<{ items: ChatEntry[] }>(ann, 'list', { limit: 10 });
      expect(ids(items.map(({ chat }) => chat)).sort()).to.deep.equal(both());
      expect(items.map(({ last_message }) => last_message?.text).sort()).to.deep.equal(['fallow', 'fertile']);
    });

    it('keeps nobody from a sync, which calls no chat gone that may be there', async () => {
      const unknown = await idInShardOf(waiting?.id ?? '');
      const held = { [unknown]: [1, 1] };
      const synced = await chats.as<ReplyFields<'sync'>>(ann, 'sync', { chats: held });
      expect(ids(synced.chats.map(({ chat }) => chat)).sort()).to.deep.equal(both());
      // Where only one actor stands still, its shard knows that there is none.
      expect(synced.gone).to.deep.equal(why === 'frozen' ? [unknown] : []);
    });

    it('keeps nobody from hearing the other chats, and is attached itself', async () => {
      const attached = await chats.as<{ chats: { id: string }[] }>(ann, 'attach', {});
      expect(ids(attached.chats).sort()).to.deep.equal(both());
    });

    it('is left out of a search in all chats', async () => {
      const found = async (q: string) => {
        const { items } = await chats.as<{ items: { text: string }[] }>(ann, 'search', { q, limit: 10 });
        return items.map(({ text }) => text);
      };
      expect(await found('fertile')).to.deep.equal(['fertile']);
      expect(await found('fallow')).to.deep.equal([]);
    });

    /** PostgreSQL takes no NUL: the new title stays in the journal. */
    async function freeze(chat_id: string): Promise<void> {
      await chats.as(ann, 'update', { chat_id, title: 'a\u0000b' }).catch(() => undefined);
      await eventually(async () => {
        const refusal = await chats.as(ann, 'history', { chat_id }).then(
          () => undefined,
          (error) => error.refusal,
        );
        return refusal?.reason === 'frozen';
      });
    }

    async function idInShardOf(chatId: string): Promise<string> {
      for (;;) {
        const id = newId();
        if (shardOf('chat', id, shards) === shardOf('chat', chatId, shards)) return id;
      }
    }
  });
