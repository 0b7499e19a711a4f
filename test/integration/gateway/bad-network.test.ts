import { expect } from 'chai';
import { newId } from '../../../schemas/ids.ts';
import { subjects } from '../../../schemas/subjects.ts';
import { arrives, lost } from '../../support/lossy-bus.ts';
import { until } from '../../support/until.ts';
import { beaconOptions, useLossyScene } from './lossy-scene.ts';

/** A small generator, so that a failure can be run again with its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('gateway: a network that loses, repeats and delays', () => {
  // Last words come when the network is good again, however slow the machine.
  const scene = useLossyScene({ ...beaconOptions, headKeptMs: 3000 });
  const { member } = scene;

  for (const seed of [1, 2, 3, 4])
    it(`after faults every client has seen all, or a gap, or was told (seed ${seed})`, async () => {
      const next = random(seed);
      const people = await Promise.all(Array.from({ length: 6 }, member));
      const pairs = people.flatMap(({ user }, n) => {
        const [before] = n > 0 ? [people[n - 1]] : [];
        return before === undefined ? [] : [{ id: newId(), users: [before.user, user] }];
      });
      const heads = new Map<string, number>([[scene.group.id, scene.group.memberSeq]]);
      const firsts = new Map<string, number>([[scene.group.id, scene.group.memberSeq]]);
      const speak = (id: string, to: string[]) => {
        const seq = (heads.get(id) ?? 0) + 1;
        heads.set(id, seq);
        const envelope = {
          frame: JSON.stringify({ type: 'message.new', chat_id: id, seq }),
          chat: { id, seq, member_seq: id === scene.group.id ? scene.group.memberSeq : 1 },
        };
        for (const subject of to) scene.owner.publish(subject, envelope);
      };
      let [losses, repeats, late] = [0, 0, 0];
      scene.bus.network = () => {
        const luck = next();
        if (luck < 0.3) {
          losses++;
          return lost;
        }
        if (luck < 0.4) {
          repeats++;
          return { times: 2, behind: 0 };
        }
        if (luck > 0.6) return arrives;
        late++;
        return { times: 1, behind: 1 + Math.floor(next() * 6) };
      };
      for (let n = 0; n < 200; n++) {
        const chosen = Math.floor(next() * (pairs.length + 1));
        const pair = pairs[chosen];
        if (pair === undefined) speak(scene.group.id, [subjects.chat(scene.group.id)]);
        else speak(pair.id, pair.users.map(subjects.user));
        if (n % 40 === 39 && n < 199) await new Promise((resolve) => setTimeout(resolve, 150));
      }
      // All fall silent while the network is bad: their first beacon may be lost.
      await until('their beacons', () => {
        const told = scene.beacons().map(({ chat }) => chat);
        return [...heads].every(([id, seq]) => told.some((chat) => chat?.id === id && chat.seq === seq));
      });
      scene.bus.network = () => arrives;
      scene.bus.catchUp();
      await until('all to be told', () => scene.owner.size === 0);
      expect(losses > 20 && repeats > 5 && late > 10, 'a network that is bad').to.equal(true);
      for (const { user, client } of people) {
        await client.request({ id: 'end', type: 'ping' });
        const chats = [
          scene.group.id,
          ...pairs.filter(({ users }) => users.includes(user)).map(({ id }) => id),
        ];
        for (const id of chats) {
          const head = heads.get(id) ?? 0;
          const seen = client.frames.filter(({ type, chat_id }) => type === 'message.new' && chat_id === id);
          // As clients do: a frame beyond the next one is a gap, and they fetch; so does who is told `resync`.
          const known = Math.max(firsts.get(id) ?? 0, ...seen.map(({ seq }) => seq as number));
          const told = client.frames.some(({ type, chat_id }) => type === 'resync' && chat_id === id);
          expect(known === head || told, `${id}: knows of ${known} of ${head}`).to.equal(true);
        }
      }
    });
});
