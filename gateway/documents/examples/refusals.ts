import type { ErrorCode, Refusal } from '../../../schemas/errors.ts';

/** The refusals of the examples, word for word as the server says them. */

function refusal(code: ErrorCode, reason: string, detail?: string): Refusal {
  return { code, reason, ...(detail !== undefined && { detail }) };
}

export const noToken = refusal('unauthenticated', 'no_token');
export const noChat = refusal('not_found', 'no_chat', 'There is no such chat, or you are not in it');
export const noMessage = refusal('not_found', 'no_message', 'There is no such message in this chat');
export const noMember = refusal('not_found', 'no_member', 'They are not in this chat');
export const noUser = refusal('not_found', 'no_user');
export const oneself = refusal('unprocessable', 'oneself', 'This is yourself');
export const noLogin = refusal('not_found', 'no_login');
export const noFile = refusal('not_found', 'no_file', 'There is no such file, or not for you');
export const badCursor = refusal('invalid', 'bad_cursor', 'This cursor was not given by this list');
export const alreadyDeleted = refusal('gone', 'already_deleted', 'This message was deleted');
export const serviceMessage = refusal('forbidden', 'service_message', 'Service messages stay as they are');
export const privateChat = refusal(
  'forbidden',
  'private_chat',
  'A private chat has its two members for ever',
);
export const notAdmin = refusal('forbidden', 'not_admin', 'Only admins may do this');
export const groupNameTaken = refusal('conflict', 'username_taken', 'Another chat has this name');
export const usernameTaken = refusal('conflict', 'username_taken', 'This username belongs to somebody');
export const usernameReserved = refusal('unprocessable', 'username_reserved', 'This username is reserved');

export function because(code: ErrorCode, reason: string, detail: string): Refusal {
  return refusal(code, reason, detail);
}

/** A field that a schema does not take. */
export function wrongField(path: string, message: string): Refusal {
  return { code: 'invalid', errors: [{ path, message }] };
}
