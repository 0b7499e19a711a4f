-- What the flusher and the cluster keep about themselves.

-- How far each shard's journal is in the tables; changes in the same transaction as they do.
create table shard_checkpoints (
  shard integer primary key,
  journal_id text not null,
  epoch bigint not null,
  position bigint not null,
  updated_at timestamptz(3) not null default now()
) with (fillfactor = 50);

-- Events that PostgreSQL refused, kept for repair. `json` and not `jsonb`: it takes every JSON text, also
-- the one (\u0000, a lone surrogate) that made the event unfit in the first place.
create table dead_letters (
  id bigint primary key generated always as identity,
  shard integer not null,
  position bigint not null,
  kind text not null,
  actor_id text not null,
  event json not null,
  error text not null,
  freezes boolean not null,                    -- its actor stands still until it is resolved
  created_at timestamptz(3) not null default now(),
  resolved_at timestamptz(3)
);

create index dead_letters_frozen on dead_letters (shard) where freezes and resolved_at is null;

create table cluster_settings (
  key text primary key,
  value text not null
);
