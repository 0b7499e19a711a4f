import type { MediaUrls } from '../../ops/security/media-urls.ts';
import type { File, FileKind, UploadPurpose } from '../../schemas/rest/media.ts';

/** A row of `files` as the store reads it. */
export interface FileRow {
  id: string;
  owner_id: string;
  kind: FileKind;
  purpose: UploadPurpose | null;
  presigned: boolean;
  mime_type: string;
  size: number;
  sha256: string | null;
  width: number | null;
  height: number | null;
  duration_s: number | null;
  name: string | null;
  waveform: number[] | null;
  thumb_key: string | null;
  storage_key: string | null;
  state: 'pending' | 'ready';
  expires_at: string | null;
}

/** For callers who may see it: the URLs let them in. */
export function fileOf(row: FileRow, urls: MediaUrls): File {
  const ready = row.state === 'ready';
  return {
    file_id: row.id,
    kind: row.kind,
    name: row.name,
    mime_type: row.mime_type,
    size: row.size,
    width: row.width,
    height: row.height,
    duration_s: row.duration_s,
    waveform: row.waveform,
    url: ready ? urls.file(row.id) : null,
    thumb_url: ready && row.kind === 'image' ? urls.thumb(row.id) : null,
    state: row.state,
  };
}
