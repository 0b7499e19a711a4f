-- People and their devices. Written by the users service alone.
-- Times are kept to the millisecond, as the API gives them: what was read can be compared with what is stored.

create extension if not exists citext;
create extension if not exists pg_trgm;

create sequence users_number;

create table users (
  id uuid primary key,
  number bigint not null unique default nextval('users_number'),
  email citext unique,          -- verified; null until then
  pending_email citext,         -- a claim: never unique
  username citext not null unique,
  password_hash text,
  first_name text,
  last_name text,
  display_name text,
  bio text,
  about text,
  level text,
  timezone text,
  interests_txt text,
  avatar_id uuid,
  role text not null default 'user' check (role in ('user', 'moderator', 'admin')),
  settings jsonb not null default '{}',
  banned_at timestamptz(3),
  deleted_at timestamptz(3),
  followers_count integer not null default 0,
  followings_count integer not null default 0,
  last_seen_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

alter sequence users_number owned by users.number;

create index users_pending_email on users (pending_email) where pending_email is not null;
-- Search. citext has operators of its own that this index does not serve: compare `username::text`.
create index users_username_trigrams on users using gin ((username::text) gin_trgm_ops);
create index users_display_name_trigrams on users using gin (display_name gin_trgm_ops);

-- One authenticated device of a user. Its refresh token is an HMAC over id and generation: made again,
-- never stored.
create table logins (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  device text,
  ip text,
  generation integer not null default 1,
  rotated_at timestamptz(3),
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  last_used_at timestamptz(3) not null default now()
);

create index logins_user on logins (user_id);
