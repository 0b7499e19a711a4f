import Type, { type Static, type TProperties, type TSchema } from 'typebox';
import { limits } from './limits.ts';

/** An object that takes no other fields than these. */
export function Strict<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

export function Nullable<S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()]);
}

/** Any UUID; ours are version 7, a private chat's is version 8. */
export const Id = Type.String({ format: 'uuid', maxLength: 36 });
export const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' });
/** A chat's own event number: 1, 2, 3 … */
export const Seq = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
/** A seq or 0: before the first. */
export const SeqOrZero = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** Length counts code points, as Ajv does. */
export const MessageText = Type.String({ minLength: 1, maxLength: limits.messageText });
export const UserIds = Type.Array(Id, { maxItems: limits.usersPerRequest });
export const Username = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{2,29}$' });
export const Title = Type.String({ minLength: 1, maxLength: limits.title, pattern: '\\S' });
export const About = Type.String({ maxLength: limits.about });
export const Emoji = Type.String({ minLength: 1, maxLength: 16 });
export const Cursor = Type.String({ maxLength: 512 });

export const Avatar = Type.Object(
  { url: Type.String(), thumb_url: Type.String() },
  { description: 'Root-relative URLs, good for an hour' },
);
export type Avatar = Static<typeof Avatar>;

/** The short form of a user, as it stands in chats and events. */
export const UserShort = Type.Object({
  id: Id,
  username: Type.String(),
  display_name: Type.String(),
  avatar: Nullable(Avatar),
});
export type UserShort = Static<typeof UserShort>;
