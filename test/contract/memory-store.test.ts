import { createMemoryStore } from '../../ops/ephemeral/memory-store.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { ephemeralStoreContract } from './ephemeral-store.contract.ts';

ephemeralStoreContract('memory', async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore(clock);
  return { store, pass: (ms) => clock.advance(ms), dispose: () => store.close() };
});
