import Type, { type Static } from 'typebox';
import { Avatar, Id, Nullable, Strict } from '../common.ts';
import { limits } from '../limits.ts';

/** Bodies and answers of the media routes. */

export const FileKind = Type.Enum(['image', 'video', 'video_note', 'audio', 'voice', 'file']);
export type FileKind = Static<typeof FileKind>;

export const File = Type.Object({
  file_id: Id,
  kind: FileKind,
  name: Nullable(Type.String()),
  mime_type: Type.String({ description: 'Read from the bytes' }),
  size: Type.Integer({ description: 'bytes' }),
  width: Nullable(Type.Integer()),
  height: Nullable(Type.Integer()),
  duration_s: Nullable(Type.Number()),
  waveform: Nullable(Type.Array(Type.Integer({ minimum: 0, maximum: 255 }))),
  url: Nullable(
    Type.String({ description: 'Root-relative, good for an hour; null while the file is pending' }),
  ),
  thumb_url: Nullable(Type.String({ description: 'Of images' })),
  state: Type.Enum(['pending', 'ready']),
});
export type File = Static<typeof File>;

const Bytes = Type.String({ contentMediaType: 'application/octet-stream' });

/** What stands in a form: other fields are ignored. */
export const UploadForm = Type.Object({ file: Bytes });

export const AvatarAnswer = Type.Object({ avatar: Avatar });
export type AvatarAnswer = Static<typeof AvatarAnswer>;

/** What a presigned upload is for. */
export const UploadPurpose = Type.Enum(['avatar', 'image', 'video', 'voice', 'file']);
export type UploadPurpose = Static<typeof UploadPurpose>;

export const PresignBody = Strict({
  content_type: Type.String({
    maxLength: 100,
    pattern: '^[a-z]+/[a-z0-9][a-z0-9.+-]*$',
    description: 'A media type without parameters',
  }),
  size: Type.Integer({ minimum: 1, maximum: limits.upload, description: 'bytes, exactly' }),
  kind: UploadPurpose,
  method: Type.Optional(Type.Enum(['PUT', 'POST'])),
});
export type PresignBody = Static<typeof PresignBody>;

const presigned = {
  file_id: Id,
  url: Type.String(),
  file_url: Type.String({ description: 'Answers when the upload is completed' }),
  expires_in: Type.Integer({ description: 'seconds' }),
};

export const Presigned = Type.Union([
  Type.Object({
    ...presigned,
    method: Type.Literal('PUT'),
    headers: Type.Record(Type.String(), Type.String(), { description: 'To be sent as they are' }),
  }),
  Type.Object({
    ...presigned,
    method: Type.Literal('POST'),
    fields: Type.Record(Type.String(), Type.String(), { description: 'To be sent before the field `file`' }),
  }),
]);
export type Presigned = Static<typeof Presigned>;

/** What a gateway is told of the bytes that it is to send. */
export interface FileToSend {
  storage_key: string;
  size: number;
  mime_type: string;
  /** Shown in a page; else it is only ever saved. */
  inline: boolean;
  /** To save it under. */
  name: string;
  /** Names these bytes, without quotes. */
  tag: string;
}
