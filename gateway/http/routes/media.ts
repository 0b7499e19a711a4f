import Type from 'typebox';
import { fail } from '../../../schemas/errors.ts';
import { isUuid } from '../../../schemas/ids.ts';
import { limits } from '../../../schemas/limits.ts';
import { AvatarAnswer, File, PresignBody, Presigned, UploadForm } from '../../../schemas/rest/media.ts';
import type { OwnProfile } from '../../../schemas/user/profile.ts';
import { metaOf } from '../meta.ts';
import { formRoom } from '../multipart.ts';
import type { Route } from '../route.ts';
import { sendFile } from '../send-file.ts';
import { settlingMs, takeSigned, takeSignedForm, takeUpload } from '../take-upload.ts';

/** Uploads, files, and the caller's avatar. The bytes go from here to the object store and back, never in a call. */

const user = { auth: 'user', limit: 'calls' } as const;
const refusedFile = ['empty_file', 'image_broken', 'too_many_pixels'];
const refusedRoom = ['quota_exceeded', 'too_many_uploads'];
const busy = { rate_limited: ['too_many_uploads'], unavailable: ['media_busy', 'media_unavailable'] };
const form = (most: number) => ({ most: most + formRoom, type: 'multipart/form-data', schema: UploadForm });
const noFile = { not_found: ['no_file'] } as const;

const send = {
  method: 'GET',
  auth: 'signature',
  limit: 'calls',
  query: Type.Object({
    sig: Type.Optional(Type.String({ maxLength: 100, description: 'From the URLs that answers carry' })),
  }),
  headers: ['range', 'if-range', 'if-none-match'],
  media: '*/*',
  replies: { 200: undefined, 206: undefined, 304: undefined, 416: undefined },
  refusals: {
    ...noFile,
    unauthenticated: ['signature_invalid'],
    unavailable: ['media_busy', 'media_unavailable'],
  },
} as const;

/** The signature is all that is asked for: whoever has it was given it. */
const signedUpload = {
  auth: 'open',
  limit: 'calls',
  replies: { 204: undefined },
  refusals: { ...noFile, forbidden: ['signature_invalid'], unprocessable: ['size_mismatch'], ...busy },
} as const;
const SignedQuery = Type.Object({
  content_type: Type.Optional(Type.String({ maxLength: 100 })),
  size: Type.Optional(Type.String({ maxLength: 15 })),
  expires: Type.Optional(Type.String({ maxLength: 15 })),
  sig: Type.Optional(Type.String({ maxLength: 100 })),
});

export const mediaRoutes: readonly Route[] = [
  {
    ...user,
    method: 'POST',
    path: '/upload',
    summary: 'Upload a file',
    description:
      'The file is the field `file` of the form. Its type is read from its bytes. JPEG, PNG, WebP and GIF are ' +
      'written anew without metadata (a GIF as WebP), everything else is kept as it is.',
    upload: form(limits.upload),
    replies: { 201: File },
    refusals: { invalid: ['bad_form'], unprocessable: [...refusedFile, ...refusedRoom], ...busy },
    async handle(request, parts) {
      return { status: 201, body: await takeUpload(request, parts, limits.upload, false) };
    },
  },
  {
    ...user,
    method: 'POST',
    path: '/me/avatar',
    summary: 'Upload a new avatar',
    description: 'JPEG, PNG, WebP or GIF (of which the first frame is kept), written anew without metadata.',
    upload: form(limits.avatar),
    replies: { 201: AvatarAnswer },
    refusals: {
      invalid: ['bad_form'],
      unprocessable: ['not_an_image', ...refusedFile, ...refusedRoom],
      ...busy,
    },
    async handle(request, parts) {
      const file = await takeUpload(request, parts, limits.avatar, true);
      const changes = { avatar_id: file.file_id };
      const { avatar } = await parts.call<OwnProfile>('users.update', { changes }, metaOf(request));
      return { status: 201, body: { avatar } };
    },
  },
  {
    ...user,
    method: 'DELETE',
    path: '/me/avatar',
    summary: 'Take the avatar off',
    replies: { 204: undefined },
    async handle(request, { call }) {
      await call('users.update', { changes: { avatar_id: null } }, metaOf(request));
      return { status: 204 };
    },
  },
  {
    ...user,
    method: 'POST',
    path: '/uploads/presign',
    summary: 'Let a file go straight to the object store',
    description:
      'Send the bytes to `url` within `expires_in`: with PUT and these `headers`, or as a form of these `fields` ' +
      'and then the field `file`. Type and length are signed. Then `POST /uploads/{file_id}/complete`, where the bytes ' +
      'must be of that type; `application/octet-stream` with kind `file` promises none.',
    body: PresignBody,
    replies: { 201: Presigned },
    refusals: { unprocessable: ['type_not_for_kind', 'too_large_for_kind', ...refusedRoom] },
    async handle(request, { call }) {
      const body = request.body as PresignBody;
      return { status: 201, body: await call<Presigned>('media.presign', body, metaOf(request)) };
    },
  },
  {
    ...user,
    method: 'POST',
    path: '/uploads/{file_id}/complete',
    summary: 'The upload is done: make it a file',
    slow: true,
    replies: { 200: File },
    refusals: {
      ...noFile,
      conflict: ['changed'],
      unprocessable: ['not_uploaded', 'size_mismatch', 'type_mismatch', 'not_an_image', ...refusedFile],
      unavailable: ['media_busy', 'media_unavailable'],
    },
    async handle(request, { call }) {
      const file_id = fileIdOf(request.params);
      const meta = { ...metaOf(request), budget_ms: settlingMs };
      return { status: 200, body: await call<File>('media.complete', { file_id }, meta) };
    },
  },
  {
    ...signedUpload,
    method: 'PUT',
    path: '/uploads/{file_id}',
    summary: 'What a presigned URL of the local store leads to',
    query: SignedQuery,
    upload: { most: limits.upload, type: '*/*', schema: Type.String({ contentMediaType: '*/*' }) },
    async handle(request, parts) {
      await takeSigned(request, parts);
      return { status: 204 };
    },
  },
  {
    ...signedUpload,
    method: 'POST',
    path: '/uploads/{file_id}',
    summary: 'What a presigned form of the local store leads to',
    upload: form(limits.upload),
    refusals: { ...signedUpload.refusals, invalid: ['bad_form'] },
    async handle(request, parts) {
      await takeSignedForm(request, parts);
      return { status: 204 };
    },
  },
  {
    ...send,
    path: '/media/{file_id}',
    summary: 'The bytes of a file',
    handle: (request, parts) => sendFile(request, parts, 'file'),
  },
  {
    ...send,
    path: '/media/{file_id}/thumb',
    summary: 'A small picture of an image',
    handle: (request, parts) => sendFile(request, parts, 'thumb'),
  },
  {
    ...user,
    method: 'DELETE',
    path: '/media/{file_id}',
    summary: 'Delete a file of one’s own',
    replies: { 204: undefined },
    refusals: noFile,
    async handle(request, { call }) {
      await call('media.remove', { file_id: fileIdOf(request.params) }, metaOf(request));
      return { status: 204 };
    },
  },
];

function fileIdOf({ file_id = '' }: Record<string, string>): string {
  if (!isUuid(file_id)) throw fail('not_found', { reason: 'no_file' });
  return file_id;
}
