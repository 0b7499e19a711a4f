import { accountExamples } from './accounts.ts';
import { adminExamples } from './admin.ts';
import { chatExamples } from './chats.ts';
import { codeExamples } from './codes.ts';
import type { RouteExamples } from './example.ts';
import { googleExamples } from './google.ts';
import { mediaExamples } from './media.ts';
import { otherExamples } from './others.ts';
import { peopleExamples } from './people.ts';
import { supabaseExamples } from './supabase.ts';

/** The examples of every route, by `METHOD /path`. */
export const routeExamples: Readonly<Record<string, RouteExamples>> = {
  ...accountExamples,
  ...adminExamples,
  ...codeExamples,
  ...googleExamples,
  ...chatExamples,
  ...mediaExamples,
  ...otherExamples,
  ...peopleExamples,
  ...supabaseExamples,
};
