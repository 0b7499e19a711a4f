import { join } from 'node:path';

/** Profiles of what is measured: where they go. */
export interface ProfileWish {
  folder: string;
  of: 'cpu' | 'heap';
}

/** The environment of a Node that writes profiles under this name, see `profiler.ts`; empty where none are wanted. */
export function profiled(wish: ProfileWish | undefined, name: string): Record<string, string> {
  if (wish === undefined) return {};
  return {
    NODE_OPTIONS: `--import="${join(import.meta.dirname, 'profiler.ts')}"`,
    BENCH_PROFILES: wish.folder,
    BENCH_PROFILE: wish.of,
    BENCH_PROFILE_NAME: name,
  };
}
