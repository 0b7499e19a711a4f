import Type from 'typebox';
import { type ErrorCode, errorCatalogue } from '../../schemas/errors.ts';

/** An error frame, for the documents. */
export const ErrorFrame = Type.Object({
  re: Type.Optional(Type.String({ description: "The request's `id`; absent where it had none" })),
  type: Type.Literal('error'),
  code: Type.Enum(Object.keys(errorCatalogue) as ErrorCode[]),
  reason: Type.Optional(Type.String({ description: 'Finer than `code`, and stable' })),
  title: Type.String(),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  retryable: Type.Boolean({ description: 'Repeating the same request is safe and may succeed' }),
  retry_after_ms: Type.Optional(Type.Integer()),
});
