import fc from 'fast-check';
import type { TSchema } from 'typebox';
import { parseJson, validator } from '../../../schemas/validator.ts';

/** Good JSON objects, spoilt: what somebody sends who means harm, or whose client is broken. */

/** One run after the other finds the same; a failure prints it, and the path to the smallest case. */
export const seed = 20_261_121;

const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);

/** Values as JSON text, since some of them no `JSON.stringify` would write. */
const badTokens = [
  ...['null', 'true', 'false', '0', '-0', '-1', '1.5', '0.1e1', '1e400', '-1e400', '1e-400', '5e-324'],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993', '9'.repeat(400)],
  ...['""', '" "', '"\\t"', '"0"', '"1"', '"null"', '"true"', '"NaN"', '"\\u0000"', '"a\\u0000b"'],
  ...[
    '"\\ud800"',
    '"\\udc00"',
    '"\\udc00\\ud800"',
    '"x\\ud83d"',
    '"\\ud83d\\ude00"',
    '"\\uffff"',
    '"\\ufeff"',
  ],
  ...[
    '"__proto__"',
    '"constructor"',
    '"toString"',
    '"hasOwnProperty"',
    '"%00"',
    '"..%2f.."',
    '"../../etc/passwd"',
  ],
  ...[`"' or 1=1 --"`, '"\\";drop table users;--"', '"{{7*7}}"', '"<script>alert(1)</script>"'],
  ...['"\u202Egnp.exe"', '"\u200B"', '"\u0430dmin"', '"ＡＤＭＩＮ"', '"ﬀ"', '"İ"', '"ß"', '"e\u0301"'],
  ...['"👩‍👩‍👧‍👦"', `"${'\u0301'.repeat(500)}"`, `"${'🏴'.repeat(200)}"`, '"\\r\\nSet-Cookie: a=b"'],
  ...['"00000000-0000-0000-0000-000000000000"', '"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"'],
  ...['"{0190b5a0-0000-7000-8000-000000000000}"', '"urn:uuid:0190b5a0-0000-7000-8000-000000000000"'],
  ...['"0190b5a0-0000-7000-8000-00000000000\uff10"', '"0190b5a0-0000-7000-8000-000000000000\\n"'],
  ...['[]', '{}', '[null]', '[[]]', '[{}]', '{"":""}', '{"length":1}', '{"toJSON":1}', '{"$ne":null}'],
  ...['{"__proto__":{"role":"admin"}}', '{"constructor":{"prototype":{"role":"admin"}}}', '{"valueOf":1}'],
  ...[deep('[', ']', 100), deep('[', ']', 10_000), `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
  ...[
    `"${'x'.repeat(5000)}"`,
    `"${'x'.repeat(40_000)}"`,
    `[${'0,'.repeat(5000)}0]`,
    `"${'😀'.repeat(4097)}"`,
  ],
  ...['"2026-02-30T00:00:00Z"', '"private"', '"owner"', '"group"', '"text"', '"A1"'],
] as const;

const badKeys = [
  ...['nonsense', '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '', ' '],
  ...[
    'by',
    'id',
    'type',
    'user_id',
    'chat_id',
    'client_id',
    'role',
    'Text',
    'text ',
    'tex\u0442',
    '\u202Etext',
    '$where',
  ],
  ...[
    '\u0000',
    'x'.repeat(10_000),
    '0',
    '-1',
    'length',
    'request_id',
    'user_ids',
    'chats',
    'kind',
    'seq',
    'password_hash',
  ],
] as const;

const token = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...badTokens) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 50 }).map((value) => JSON.stringify(value)),
  },
);
const key = fc.constantFrom(...badKeys);

type Field = readonly [name: string, text: string];

function join(fields: readonly Field[]): string {
  return `{${fields.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}

/** What is done to the fields of an object, one or two things at once. */
function changes(fields: readonly Field[], names: readonly string[]): fc.Arbitrary<readonly Field[]> {
  const add = fc.tuple(key, token).map((extra) => [...fields, extra] as const);
  if (names.length === 0) return add;
  const name = fc.constantFrom(...names);
  const put = (given: readonly Field[], which: string, text: string) =>
    given.some(([one]) => one === which)
      ? given.map((field) => (field[0] === which ? ([which, text] as const) : field))
      : [...given, [which, text] as const];
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(name, token).map(([which, text]) => put(fields, which, text)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(name, token, name, token)
        .map(([one, first, other, second]) => put(put(fields, one, first), other, second)),
    },
    { weight: 1, arbitrary: name.map((which) => fields.filter(([one]) => one !== which)) },
    {
      weight: 1,
      arbitrary: fc.tuple(name, token).map(([which, text]) => [...fields, [which, text] as const]),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(name, key)
        .map(([which, fresh]) => fields.map(([one, text]) => [one === which ? fresh : one, text] as const)),
    },
    { weight: 2, arbitrary: add },
  );
}

/** JSON texts of this object, spoilt. The fields of `envelope` stay as they are, and the first. */
export function spoiltObjects(
  schema: TSchema,
  good: Record<string, unknown>,
  envelope: Record<string, string> = {},
): fc.Arbitrary<string> {
  const known = Object.keys((schema as { properties?: object }).properties ?? {});
  const fields = Object.entries(good).map(([name, value]): Field => [name, JSON.stringify(value)]);
  const names = known.filter((name) => !Object.hasOwn(envelope, name));
  const head = Object.entries(envelope).map(([name, value]): Field => [name, JSON.stringify(value)]);
  const isFree = ([name]: Field) => !Object.hasOwn(envelope, name);
  return changes(fields, names).map((spoilt) => join([...head, ...spoilt.filter(isFree)]));
}

/** What is no good object at all, as text. */
export const wrecks = fc.constantFrom(
  ...[
    '',
    ' ',
    '{',
    '}',
    '[',
    '[]',
    'null',
    'true',
    '1',
    '"x"',
    '{}{}',
    '{"a":1}//',
    '{"a":1,}',
    "{'a':1}",
    'NaN',
    'undefined',
  ],
  ...[
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1e}',
    '{"a":"\n"}',
    '{"a":"\\x41"}',
    '{"a":"\\u12"}',
    '{a:1}',
    '[{}]',
    '\u0000',
  ],
  ...[
    deep('[', ']', 20_000),
    '['.repeat(20_000),
    '{"a":'.repeat(5000),
    '"'.repeat(999),
    '\u2028',
    '-',
    '0x10',
    '{"__proto__":null}',
  ],
);

/** Bytes that are no UTF-8, put into this text. */
export function badBytes(text: string): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const sequences = [
    [0xff],
    [0xfe, 0xff],
    [0xc0, 0x80],
    [0xc3, 0x28],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
    [0x80],
  ];
  const bytes = Buffer.from(text);
  return fc.tuple(fc.constantFrom(...sequences), fc.nat(bytes.length)).map(([bad, at]) => {
    return new Uint8Array([...bytes.subarray(0, at), ...bad, ...bytes.subarray(at)]);
  });
}

/** Does the contract take this text? What it does not take must be refused as `invalid`. */
export function accepts(schema: TSchema): (text: string) => boolean {
  const check = validator(schema);
  return (text) => {
    try {
      check(parseJson(text));
      return true;
    } catch {
      return false;
    }
  };
}
