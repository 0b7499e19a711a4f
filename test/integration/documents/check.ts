import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Json } from '../../../gateway/documents/components.ts';

/** What is wrong with a value by the schema at this place of a document; undefined: nothing. */
export type Check = (pointer: string, value: unknown) => string | undefined;

/** Holds values to the schemas of a document as an outsider would, without our own code. */
export function checker(document: Json, dialect: '2020-12' | 'draft-07'): Check {
  const options = { strict: false, allErrors: true };
  const ajv = dialect === '2020-12' ? new Ajv2020(options) : new Ajv(options);
  addFormats.default(ajv as Ajv, ['uuid', 'date-time', 'email']);
  ajv.addSchema(document, 'document');
  return (pointer, value) => {
    const validate = ajv.getSchema(`document#${pointer}`);
    if (validate === undefined) return `there is no schema at ${pointer}`;
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
}

/** A JSON pointer, escaped as one and as a URI. */
export function pointer(...names: (string | number)[]): string {
  const escaped = names.map((name) => String(name).replaceAll('~', '~0').replaceAll('/', '~1'));
  return escaped.map((name) => `/${encodeURIComponent(name)}`).join('');
}
