import type { TSchema } from 'typebox';
import * as wire from '../../schemas/chat/wire.ts';
import * as common from '../../schemas/common.ts';
import * as accounts from '../../schemas/rest/accounts.ts';
import * as chats from '../../schemas/rest/chats.ts';
import * as media from '../../schemas/rest/media.ts';
import * as presence from '../../schemas/rest/presence.ts';
import { Problem } from '../../schemas/rest/problem.ts';
import * as profile from '../../schemas/user/profile.ts';
import { ErrorFrame } from './error-frame.ts';

/** A piece of a document. */
export type Json = { [key: string]: unknown };

/**
 * What a document refers to by name instead of repeating it: schemas that our modules export, under the
 * names that they have there. Two that are equal count as one, whoever wrote them.
 */
export interface Components {
  /** The schema in a document's words: a `$ref` where it has a name. */
  refer(schema: TSchema): Json;
  /** Those that were referred to, in alphabetical order. */
  schemas(): Json;
}

/** Documents speak of schemas in one of these dialects: OpenAPI 3.1 in the first, AsyncAPI 3 in the second. */
export type Dialect = '2020-12' | 'draft-07';

const modules: readonly object[] = [
  { Problem, ErrorFrame },
  wire,
  common,
  profile,
  accounts,
  presence,
  media,
  chats,
];
const names = namesOf(modules);

export function createComponents(dialect: Dialect): Components {
  const used = new Map<string, Json>();

  function refer(schema: TSchema): Json {
    const name = names.get(JSON.stringify(schema));
    if (name === undefined) return spell(schema as Json);
    if (!used.has(name)) {
      used.set(name, {});
      used.set(name, spell(schema as Json));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** The schema itself, keyword by keyword, with references inside. */
  function spell(schema: Json): Json {
    const spelled: Json = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === 'items' && Array.isArray(value)) Object.assign(spelled, tuple(value));
      else if (keyword === 'properties' || keyword === 'patternProperties')
        spelled[keyword] = Object.fromEntries(
          Object.entries(value as Record<string, TSchema>).map(([name, field]) => [name, refer(field)]),
        );
      else if (keyword === 'anyOf' || keyword === 'allOf' || keyword === 'oneOf')
        spelled[keyword] = (value as TSchema[]).map(refer);
      else if ((keyword === 'items' || keyword === 'additionalProperties') && typeof value === 'object')
        spelled[keyword] = refer(value as TSchema);
      else spelled[keyword] = value;
    }
    if (dialect === '2020-12' && 'prefixItems' in spelled) delete spelled.additionalItems;
    if (Array.isArray(schema.enum) && schema.enum.every((one) => typeof one === 'string'))
      return { type: 'string', ...spelled };
    return spelled;
  }

  function tuple(items: TSchema[]): Json {
    const spelled = items.map(refer);
    return dialect === 'draft-07' ? { items: spelled } : { prefixItems: spelled, items: false };
  }

  return {
    refer,
    schemas: () => Object.fromEntries([...used].sort(([one], [other]) => (one < other ? -1 : 1))),
  };
}

/** By the JSON of each schema: its first name. */
function namesOf(from: readonly object[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const module of from)
    for (const [name, value] of Object.entries(module)) {
      if (!isSchema(value)) continue;
      const text = JSON.stringify(value);
      if (!found.has(text)) found.set(text, name);
    }
  return found;
}

function isSchema(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && ('type' in value || 'anyOf' in value || 'enum' in value)
  );
}
