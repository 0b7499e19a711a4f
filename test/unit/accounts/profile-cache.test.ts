import { expect } from 'chai';
import { createMemoryStore } from '../../../ops/ephemeral/memory-store.ts';
import { createProfileCache } from '../../../services/users/profile-cache.ts';
import type { UserRow } from '../../../services/users/views.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

describe('profiles that are kept', () => {
  const row = (bio: string) => ({ id: 'u', bio }) as UserRow;
  let clock: VirtualClock;
  let cache: ReturnType<typeof createProfileCache>;
  let loads: number;
  let stored: UserRow | null;

  beforeEach(() => {
    clock = new VirtualClock();
    cache = createProfileCache(createMemoryStore(clock));
    loads = 0;
    stored = row('first');
  });

  const load = async () => {
    loads++;
    return stored;
  };
  const pass = (ms: number) => {
    clock.after(ms, () => {});
    clock.step();
  };

  it('are read once in half a minute', async () => {
    for (let times = 0; times < 3; times++) expect(await cache.read('u', load)).to.deep.equal(row('first'));
    expect(loads).to.equal(1);
    pass(30_000);
    await cache.read('u', load);
    expect(loads).to.equal(2);
  });

  it('are seen as they were written by the very next read', async () => {
    await cache.read('u', load);
    stored = row('second');
    await cache.drop('u');
    expect(await cache.read('u', load)).to.deep.equal(row('second'));
    pass(15_000);
    await cache.read('u', load);
    await cache.read('u', load);
    expect(loads).to.equal(3);
  });

  it('are not kept as they were before a write by a read that began before it', async () => {
    let letGo = () => {};
    const slow = cache.read('u', async () => {
      const old = stored;
      await new Promise<void>((resolve) => (letGo = resolve));
      return old;
    });
    await Promise.resolve();
    await Promise.resolve();
    stored = row('second');
    await cache.drop('u');
    letGo();
    expect(await slow).to.deep.equal(row('first'));
    expect(await cache.read('u', load)).to.deep.equal(row('second'));
  });

  it('are no users who do not exist', async () => {
    stored = null;
    expect(await cache.read('u', load)).to.equal(null);
    stored = row('new');
    expect(await cache.read('u', load)).to.deep.equal(row('new'));
  });
});
