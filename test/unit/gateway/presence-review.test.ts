import { expect } from 'chai';
import { shardOf } from '../../../actors/client/shard-of.ts';
import { createReview, type Review } from '../../../gateway/presence-review.ts';
import type { Connection } from '../../../gateway/websocket/connection.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const shards = 4;
const waitMs = 15_000;

describe('looking again at whom clients watch', () => {
  let clock: VirtualClock;
  let review: Review;
  let asked: { at: number; ids: readonly string[] }[];
  let told: string[];
  let online: Set<string>;
  const ids = Array.from({ length: 1000 }, (_, n) => `user-${n}`);
  const inShard = (shard: number) => ids.filter((id) => shardOf('user', id, shards) === shard);

  beforeEach(() => {
    clock = new VirtualClock(0);
    asked = [];
    told = [];
    online = new Set();
    const watchers = [ids.slice(0, 600), ids.slice(400), undefined];
    review = createReview({
      shards,
      connections: watchers.map((watched) => ({ watched: watched && new Set(watched) }) as Connection),
      async ask(some) {
        asked.push({ at: clock.now(), ids: some });
        return some.map((user_id) => ({ user_id, online: online.has(user_id), last_seen_at: null }));
      },
      tell: ({ user_id }) => void told.push(user_id),
      clock,
    });
  });

  it('tells of those in shards that began anew who are offline, each once, in portions', async () => {
    const [first = ''] = inShard(1);
    online.add(first);
    review.of([1, 2]);
    await clock.advance(waitMs + 5000);
    const expected = [...inShard(1), ...inShard(2)];
    expect(asked.flatMap((one) => one.ids)).to.have.members(expected);
    expect(told).to.have.members(expected.filter((id) => id !== first));
    expect(Math.max(...asked.map((one) => one.ids.length))).to.be.at.most(200);
  });

  it('gives every shard its time, whenever it began', async () => {
    review.of([1]);
    review.of([3]);
    await clock.advance(waitMs - 10);
    review.of([2, 3]);
    await clock.advance(waitMs - 10);
    expect(asked.flatMap((one) => one.ids)).to.have.members(inShard(1));
    await clock.advance(2000);
    expect(asked.flatMap((one) => one.ids)).to.have.members([1, 2, 3].flatMap(inShard));
  });

  it('ends with the gateway', async () => {
    review.of([1]);
    await clock.advance(10);
    review.close();
    await clock.advance(60_000);
    expect(asked).to.deep.equal([]);
    expect(told).to.deep.equal([]);
  });
});
