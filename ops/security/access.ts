import type { Role } from '../../schemas/roles.ts';
import type { Action } from '../broker/broker.ts';
import type { CallMeta } from '../broker/call.ts';

/** Somebody whose role allows what is being done. */
export interface Acting {
  user_id: string;
  login_id: string;
  role: Role;
  /** Throws `forbidden` (`role_not_lower`) where it may not be done to somebody of this role. */
  over(target: Role): void;
  /** Throws `forbidden` (`not_permitted`) where the role does not allow this too. */
  demand(object: string, act: string): void;
}

/** What a role may do beyond its own account. The one place in which that is enforced. */
export interface Access {
  /**
   * The action behind the policy: it runs only where the caller's role, as the database has it now, may do this to
   * something. Throws `unauthenticated` (`login_revoked`), `forbidden` (`not_permitted`).
   */
  guard<Params, Reply>(
    object: string,
    act: string,
    action: (params: Params, acting: Acting, meta: CallMeta) => Promise<Reply>,
  ): Action<Params, Reply>;
}
