import type { CallMeta } from '../../ops/broker/call.ts';
import type { MediaParts } from './parts.ts';
import type { FileRow } from './views.ts';

/**
 * May this caller see the file? The owner may, and everybody who can see what carries it: today a profile's avatar.
 * Whatever else comes to carry files (messages, posts) answers here, and nowhere else.
 */
export async function maySee(
  { call }: Pick<MediaParts, 'call'>,
  row: FileRow,
  meta: CallMeta,
): Promise<boolean> {
  if (meta.user_id === undefined) return false;
  if (row.owner_id === meta.user_id) return true;
  if (row.kind !== 'image') return false;
  return call<boolean>('users.wears', { file_id: row.id }, meta);
}
