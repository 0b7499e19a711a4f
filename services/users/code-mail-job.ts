import Type from 'typebox';
import { defineJob } from '../../ops/jobs/kind.ts';
import { Id } from '../../schemas/common.ts';
import { languages } from '../../schemas/language.ts';

/** Mails one code, or what its address is told instead. By id: neither address nor code lie in the queue. */
export const codeMailJob = defineJob(
  'mail.code',
  Type.Object({ id: Id, language: Type.Enum([...languages]) }, { additionalProperties: false }),
  { maxTries: 10, maxMs: 45_000 },
);
