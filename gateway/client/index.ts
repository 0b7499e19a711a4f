/** The SDK's one door: `import { connect, login } from 'suhbat/client'`. Node 22 and browsers, no dependencies. */
export type {
  Chat,
  ChatEntry,
  Member,
  Message,
  Reaction,
  Role,
  ServiceNote,
} from '../../schemas/chat/wire.ts';
export type { Avatar } from '../../schemas/common.ts';
export type { RequestFields, RequestType } from '../../schemas/frames/client.ts';
export type { Presence, ReplyFields } from '../../schemas/frames/server.ts';
export type { CodeSent } from '../../schemas/rest/codes.ts';
export type { OwnProfile, ProfileChanges } from '../../schemas/user/profile.ts';
export type { Account, TaggedProfile } from './account.ts';
export type { Calls } from './calls.ts';
export type { Client, ConnectOptions, Held } from './client.ts';
export { ClientError } from './client-error.ts';
export {
  beginRegister,
  endRegister,
  forgotPassword,
  type PendingRegistration,
  resetPassword,
} from './codes.ts';
export { connect } from './connect.ts';
export type { ClientEvents } from './events.ts';
export { indexedDbStorage } from './indexeddb-storage.ts';
export type { SendFields, SendReceipt } from './outbox.ts';
export { memoryStorage, type OutboxStorage, type StoredSend } from './outbox-storage.ts';
export type { People, Person } from './people.ts';
export type { Platform, Socket } from './platform.ts';
export type { Ready, Status } from './reconnect.ts';
export type { RequestOptions } from './requests.ts';
export {
  type LoginFields,
  login,
  type RegisterFields,
  type RestOptions,
  refresh,
  register,
  type TokensAnswer,
} from './rest.ts';
export { defaultSettings, type Settings } from './settings.ts';
export type { Tokens } from './tokens.ts';
