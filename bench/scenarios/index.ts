import type { Scenario } from '../scenario.ts';
import { cluster } from './cluster.ts';
import { idle, storm } from './connections.ts';
import { fanout } from './fanout.ts';
import { history } from './history.ts';
import { rising } from './latency.ts';
import { logins } from './logins.ts';
import { findingPeople } from './people.ts';
import { privateChats } from './private.ts';
import { rest } from './rest.ts';
import { search } from './search.ts';
import { soak } from './soak.ts';

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [
  privateChats,
  fanout,
  rising,
  cluster,
  logins,
  rest,
  history,
  findingPeople,
  search,
  idle,
  storm,
  soak,
];
