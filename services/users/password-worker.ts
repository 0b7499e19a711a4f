import { compareSync, hashSync } from 'bcryptjs';

/** Runs in a worker thread: one bcrypt hash holds a core for about 0.28 s at cost 12. */
export type PasswordTask = { password: string; cost: number } | { password: string; hash: string };

/** The hash of a password, or whether a password has this hash. */
export default function work(task: PasswordTask): string | boolean {
  return 'cost' in task ? hashSync(task.password, task.cost) : compareSync(task.password, task.hash);
}
