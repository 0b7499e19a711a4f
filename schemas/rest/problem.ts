import Type, { type Static } from 'typebox';
import { type ErrorCode, errorCatalogue, type Refusal } from '../errors.ts';

/** Every refusal over REST: RFC 9457, `application/problem+json`. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.Enum(Object.keys(errorCatalogue) as ErrorCode[]),
  reason: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  request_id: Type.String(),
  error_code: Type.Optional(Type.String({ description: 'only of /auth/v1' })),
  msg: Type.Optional(Type.String({ description: 'only of /auth/v1' })),
  errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
});
export type Problem = Static<typeof Problem>;

export function problemOf(refusal: Refusal, requestId: string): Problem {
  const { code, reason, detail, errors } = refusal;
  const { status, title } = errorCatalogue[code];
  return {
    type: `urn:suhbat:problem:${code}`,
    title,
    status,
    code,
    ...(reason !== undefined && { reason }),
    ...(detail !== undefined && { detail }),
    request_id: requestId,
    ...(errors !== undefined && { errors }),
  };
}
