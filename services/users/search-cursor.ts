import Type, { type Static } from 'typebox';
import { Id } from '../../schemas/common.ts';
import { fail } from '../../schemas/errors.ts';
import { validator } from '../../schemas/validator.ts';

/** Where a page of a search for people ended. */
export interface SearchPlace {
  /** Which step of the search. */
  step: number;
  /** The last person's place in it: the name by which they were found, and their id. */
  key: string;
  id: string;
  /**
   * What else the text was taken for; undefined while nobody has asked. They stay through all pages, so that nobody
   * is shown twice or left out because names were added meanwhile.
   */
  phrases: readonly string[] | undefined;
}

const Text = Type.String({ maxLength: 64, pattern: '^[^\\u0000]*$' });
const Fields = Type.Object(
  {
    s: Type.Integer({ minimum: 0, maximum: 100 }),
    k: Text,
    i: Id,
    p: Type.Optional(Type.Array(Text, { maxItems: 8 })),
  },
  { additionalProperties: false },
);
const validate = validator(Fields);

/** Opaque to clients. */
export function encodeSearchPlace({ step, key, id, phrases }: SearchPlace): string {
  const fields: Static<typeof Fields> = { s: step, k: key, i: id, ...(phrases && { p: [...phrases] }) };
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

/** Throws `invalid` for what `encodeSearchPlace` did not make. */
export function decodeSearchPlace(cursor: string): SearchPlace {
  try {
    const { s, k, i, p } = validate(JSON.parse(Buffer.from(cursor, 'base64url').toString())) as Static<
      typeof Fields
    >;
    return { step: s, key: k, id: i, phrases: p };
  } catch {
    throw fail('invalid', { reason: 'bad_cursor', detail: 'This cursor was not given by this list' });
  }
}
