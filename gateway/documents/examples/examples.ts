import { accountExamples } from './accounts.ts';
import { adminExamples } from './admin.ts';
import { chatExamples } from './chats.ts';
import type { RouteExamples } from './example.ts';
import { mediaExamples } from './media.ts';
import { otherExamples } from './others.ts';
import { peopleExamples } from './people.ts';

/** The examples of every route, by `METHOD /path`. */
export const routeExamples: Readonly<Record<string, RouteExamples>> = {
  ...accountExamples,
  ...adminExamples,
  ...chatExamples,
  ...mediaExamples,
  ...otherExamples,
  ...peopleExamples,
};
