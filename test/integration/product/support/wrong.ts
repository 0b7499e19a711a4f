import type { TSchema } from 'typebox';
import { newId } from '../../../../schemas/ids.ts';

/** Values that break a schema, one by one. */
export interface Wrong {
  /** What is done to the fields, for the name of a failure. */
  what: string;
  fields: Record<string, unknown>;
  /** Where the refusal must point: a JSON pointer. */
  path: string;
}

interface Json {
  [name: string]: unknown;
  type?: string;
  properties?: Record<string, Json>;
  required?: string[];
  anyOf?: Json[];
  enum?: unknown[];
  const?: unknown;
  items?: Json;
  format?: string;
  pattern?: string;
}

/** Everything that is wrong in one field or too many, starting from fields that are right. */
export function wrongFields(
  schema: TSchema,
  good: Record<string, unknown>,
  envelope: string[] = [],
): Wrong[] {
  const { properties = {}, required = [] } = schema as Json;
  const wrong: Wrong[] = [];
  if ((schema as Json).additionalProperties !== true)
    wrong.push({ what: 'a field nobody knows', fields: { ...good, nonsense: 1 }, path: '/nonsense' });
  for (const [name, field] of Object.entries(properties)) {
    if (envelope.includes(name)) continue;
    const put = (what: string, value: unknown) =>
      wrong.push({ what: `${name} ${what}`, fields: { ...good, [name]: value }, path: `/${name}` });
    if (required.includes(name)) {
      const { [name]: _, ...rest } = good;
      wrong.push({ what: `no ${name}`, fields: rest, path: `/${name}` });
    }
    for (const [what, value] of breaking(field)) put(what, value);
  }
  return wrong;
}

function breaking(field: Json): [string, unknown][] {
  const nullable = field.anyOf?.some(({ type }) => type === 'null') ?? false;
  const { type, ...rest } = field.anyOf?.find((one) => one.type !== 'null') ?? field;
  const found: [string, unknown][] = [];
  if (!nullable) found.push(['null', null]);
  if (rest.enum !== undefined || rest.const !== undefined) return [...found, ['of no such kind', 'nonsense']];
  const { minimum, maximum, minLength, maxLength, maxItems, maxProperties } = rest as Record<string, number>;
  switch (type) {
    case 'string':
      found.push(['a number', 7], ['a list', ['x']]);
      if (rest.format === 'uuid') found.push(['no UUID', 'not-a-uuid'], ['with braces', `{${newId()}}`]);
      if (rest.format === 'email') found.push(['no address', 'nobody at nowhere']);
      if (minLength !== undefined) found.push(['empty', '']);
      if (maxLength !== undefined && rest.format === undefined)
        found.push(['over-long', 'x'.repeat(maxLength + 1)]);
      if (rest.pattern !== undefined) found.push(['of other signs', ' \n']);
      break;
    case 'integer':
      found.push(['a text', '1'], ['a fraction', 1.5]);
      if (minimum !== undefined) found.push(['too small', minimum - 1]);
      if (maximum !== undefined) found.push(['too great', maximum * 2]);
      break;
    case 'boolean':
      found.push(['a text', 'true'], ['a number', 1]);
      break;
    case 'array':
      found.push(['a text', 'x'], ['of numbers', [7]]);
      if (maxItems !== undefined) found.push(['over-long', Array.from({ length: maxItems + 1 }, newId)]);
      break;
    case 'object':
      found.push(['a list', []], ['a text', 'x']);
      if (maxProperties !== undefined)
        found.push(['with too many', Object.fromEntries(many(maxProperties + 1).map((id) => [id, [0, 0]]))]);
  }
  return found;
}

function many(count: number): string[] {
  return Array.from({ length: count }, newId);
}
