/** Sizes that are part of the product. Rates are settings and live in `ops/config`. */
export const limits = {
  /** Code points of a message's text. */
  messageText: 4096,
  /** Bytes of a client's frame; from there to `frameHard` the socket closes with 4013, beyond it just ends. */
  frame: 64 * 1024,
  frameHard: 256 * 1024,
  /** Bytes of a JSON body. */
  body: 1024 * 1024,
  /** Bytes of one page of `sync` or `history`. */
  page: 256 * 1024,
  requestId: 64,
  groupMembers: 10_000,
  /** Members named in one `chat.create`, `member.add` or `presence.watch`. */
  usersPerRequest: 200,
  syncChats: 500,
  syncHeld: 1000,
  history: 200,
  historyDefault: 50,
  membersPage: 200,
  list: 100,
  listDefault: 20,
  contacts: 10_000,
  blocks: 10_000,
  title: 128,
  about: 512,
  /** Read marks and typing are told in chats of up to this many members. */
  chattyMembers: 200,
  /** First reactors named for each emoji. */
  reactors: 10,
  /** Different emojis on one message: it is said anew, whole, with each reaction. */
  emojis: 100,
  /** Bytes of an uploaded file, and of an avatar. */
  upload: 50 * 1024 * 1024,
  avatar: 10 * 1024 * 1024,
  /** Bytes that bcrypt reads of a password. */
  passwordBytes: 72,
} as const;
