-- Codes that were mailed. Nothing of a code is kept: it is an HMAC over the row's id, made again when it is mailed and
-- when it is tried. Rows stay for a day, because the limits count them.
create table email_tokens (
  id uuid primary key,
  purpose text not null check (purpose in ('verify', 'register', 'login', 'reset')),
  email citext not null,
  user_id uuid,                                -- verify: whose address it becomes
  ip text,
  tries smallint not null default 0,
  sent_at timestamptz(3),
  used_at timestamptz(3),
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null
);

create index email_tokens_email on email_tokens (email, created_at);
create index email_tokens_ip on email_tokens (ip, created_at);
create index email_tokens_created on email_tokens (created_at);

-- Who a user is elsewhere. A mail address that was verified is one too.
create table identities (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  provider text not null check (provider in ('email', 'google', 'phone')),
  issuer text not null default '',             -- of Google: who says so; subjects of two issuers may be equal
  subject text not null,
  email_verified boolean not null default false,
  created_at timestamptz(3) not null,
  unique (provider, issuer, subject)
);

create index identities_user on identities (user_id);
