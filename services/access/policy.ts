import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import type { Role } from '../../schemas/roles.ts';

/** `policy.csv`, read once: what each role may do. */
export interface Policy {
  /** `target`: the role of whom it is done to; absent where it is done to nobody, or to nobody yet. */
  allows(role: Role, object: string, act: string, target?: Role): boolean;
}

const nobody = '-';

/** Throws where the files cannot be read or understood: a program without a policy must not start. */
export async function readPolicy(folder = import.meta.dirname): Promise<Policy> {
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  const model = newModelFromString(text('model.conf'));
  const enforcer = await newEnforcer(model, new StringAdapter(text('policy.csv')));
  return {
    allows: (role, object, act, target) => enforcer.enforceSync(role, object, act, target ?? nobody),
  };
}
