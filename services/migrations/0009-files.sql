-- Files that users have uploaded. Written by the media service alone; the bytes lie in the object store.
create table files (
  id uuid primary key,
  owner_id uuid not null,
  kind text not null check (kind in ('image', 'video', 'video_note', 'audio', 'voice', 'file')),
  purpose text,                 -- what it was asked to be: avatars that nobody wears go
  presigned boolean not null,   -- it comes without us, and must be what was promised
  mime_type text not null,      -- while pending: what was promised
  size bigint not null,         -- while pending: what was promised, which the quota counts
  sha256 text,                  -- of the bytes that are kept: base64url
  width integer,
  height integer,
  duration_s real,
  name text,
  waveform jsonb,
  thumb_key text,
  storage_key text,
  state text not null check (state in ('pending', 'ready', 'removed')),
  expires_at timestamptz(3),    -- of what is pending
  created_at timestamptz(3) not null
);

-- The quota is the sum of a user's sizes.
create index files_owner on files (owner_id) include (size, state);
-- What the clean-up looks for.
create index files_unfinished on files (expires_at) where state = 'pending';
create index files_removed on files (id) where state = 'removed';
-- Who carries this file.
create index users_avatar on users (avatar_id) where avatar_id is not null;
