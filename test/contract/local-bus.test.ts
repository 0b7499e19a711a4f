import { createLocalBus } from '../../ops/bus/local-bus.ts';
import { busContract } from './bus.contract.ts';

busContract('in process', async () => {
  const bus = createLocalBus();
  return { here: bus, there: bus, dispose: () => bus.close() };
});
