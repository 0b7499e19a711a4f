-- Conversations. Written behind by the chat actors, but for chat_usernames. No foreign keys: rows arrive in
-- bulk, in the order of their shards, and a missing neighbour must never stop a flush.
-- fillfactor leaves room on the page for rows that change with every message (heap-only updates: none of the
-- columns that change so is indexed).

create sequence chats_number;

create table chats (
  id uuid primary key,
  number bigint not null unique,
  type text not null,
  title text,
  about text,
  photo_id uuid,
  username citext unique,
  created_by uuid not null,
  created_at timestamptz(3) not null,
  head_seq bigint not null default 0,
  last_message_seq bigint not null default 0,  -- the newest message's, service messages too
  last_activity_at timestamptz(3) not null,
  messages_count bigint not null default 0,    -- without service messages: the newest ordinal
  members_count integer not null default 0,
  member_seq bigint not null default 0,        -- of the newest change of membership
  user_lo uuid,                                -- private chats: the two, in order
  user_hi uuid,
  unique (user_lo, user_hi)
) with (fillfactor = 80);

-- Public names, taken by the chats service before the actor is asked to use them.
create table chat_usernames (
  username citext primary key,
  chat_id uuid not null unique
);

create table chat_members (
  chat_id uuid not null,
  user_id uuid not null,
  role text not null,
  joined_seq bigint not null,
  left_seq bigint,
  removed boolean not null default false,      -- by an admin: may not come back by himself
  read_seq bigint not null default 0,
  read_ordinal bigint not null default 0,
  last_client_id uuid,                         -- kept after leaving
  muted_until timestamptz(3),
  primary key (chat_id, user_id)
) with (fillfactor = 80);

create index chat_members_user on chat_members (user_id, chat_id) where left_seq is null;

create table messages (
  chat_id uuid not null,
  seq bigint not null,
  sender_id uuid not null,
  kind text not null,
  text text not null default '',
  media_id uuid,
  reply_to bigint,
  service jsonb,
  client_id uuid,
  ordinal bigint not null,
  created_at timestamptz(3) not null,
  edited_at timestamptz(3),
  deleted_at timestamptz(3),
  changed_seq bigint not null,
  primary key (chat_id, seq)
);

create unique index messages_client_id on messages (chat_id, sender_id, client_id) where client_id is not null;
create index messages_changed on messages (chat_id, changed_seq);
-- The costliest of the four by far; its pending list (fastupdate) takes the worst off the flusher.
create index messages_text_trigrams on messages using gin (text gin_trgm_ops) with (fastupdate = on);

create table reactions (
  chat_id uuid not null,
  seq bigint not null,
  user_id uuid not null,
  emoji text not null,
  position bigint not null,                    -- the changed_seq that set it: who was first
  primary key (chat_id, seq, user_id)
);
