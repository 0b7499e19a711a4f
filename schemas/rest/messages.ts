import Type, { type Static } from 'typebox';
import { Message } from '../chat/wire.ts';
import { Id, Nullable, Time } from '../common.ts';
import { type Page, PageQuery } from './accounts.ts';

/** The search for messages. */

/** 1 to 10 words, apart by white space. */
const Words = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: '^\\s*[^\\s\\u0000]+(\\s+[^\\s\\u0000]+){0,9}\\s*$',
  description: '1–10 words: a message has to have all of them',
});

export const MessageSearchQuery = Type.Object({
  q: Words,
  chat_id: Type.Optional(Id),
  sender_id: Type.Optional(Id),
  kind: Type.Optional(Type.Enum(['text', 'voice', 'media'])),
  from: Type.Optional({ ...Time, description: 'ISO 8601: messages of then and after' }),
  to: Type.Optional({ ...Time, description: 'ISO 8601: messages of then and before' }),
  ...PageQuery.properties,
});

/** What the route makes of it. */
export type MessageSearch = Omit<Static<typeof MessageSearchQuery>, 'limit' | 'cursor'> & Page;

export const FoundMessage = Type.Object({
  ...Message.properties,
  excerpt: Type.String({
    description:
      'plain text: about 160 characters around what was found first, with … where text is left out',
  }),
  highlights: Type.Array(Type.Tuple([Type.Integer({ minimum: 0 }), Type.Integer({ minimum: 1 })]), {
    description:
      'where the words are in `excerpt`: start and end (exclusive) in UTF-16 code units, in order, apart',
    minItems: 1,
  }),
});
export type FoundMessage = Static<typeof FoundMessage>;

export const FoundMessages = Type.Object({
  items: Type.Array(FoundMessage),
  next_cursor: Nullable(Type.String()),
});
export type FoundMessages = Static<typeof FoundMessages>;
