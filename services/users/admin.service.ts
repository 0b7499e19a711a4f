import { defineService } from '../../ops/broker/broker.ts';
import { type AdministrationParts, administrationActions } from './administration.ts';

/** The service `admin`: what moderators and admins do to users. It writes `users` and `logins`, so it lives here. */
export function createAdminService(parts: AdministrationParts) {
  return defineService('admin', administrationActions(parts));
}
