-- What happened to accounts, for those who must find out later. Rows are added and never changed: whoever could change
-- one could hide what was done. `ip` and `request_id` lead to the login and the log lines; no names, addresses or texts.
create table audit_logs (
  id uuid primary key,
  actor_id uuid,                               -- the account that acted, or that somebody claimed to be
  action text not null,
  target_type text,
  target_id uuid,
  detail jsonb not null default '{}',
  ip text,
  request_id text,
  created_at timestamptz(3) not null,
  check ((target_type is null) = (target_id is null))
);

create index audit_logs_time on audit_logs (created_at, id);
create index audit_logs_actor on audit_logs (actor_id, created_at, id);
create index audit_logs_action on audit_logs (action, created_at, id);

create function audit_logs_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit_logs is append-only' using errcode = 'insufficient_privilege';
end
$$;

-- A right that is revoked would not bind the owner, as whom this program comes: a trigger binds everybody.
create trigger audit_logs_append_only before update or delete or truncate on audit_logs
  for each statement execute function audit_logs_append_only();
