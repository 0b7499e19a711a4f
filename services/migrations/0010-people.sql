-- What stands between people, and the names that they gave up. Written by the users service alone, but for the
-- trigger below.

create table contacts (
  user_id uuid not null,
  other_id uuid not null,
  created_at timestamptz(3) not null,
  primary key (user_id, other_id)
);

create index contacts_newest on contacts (user_id, created_at desc, other_id desc);

create table blocks (
  user_id uuid not null,                       -- who blocks
  other_id uuid not null,                      -- whom
  created_at timestamptz(3) not null,
  primary key (user_id, other_id)
);

create index blocks_newest on blocks (user_id, created_at desc, other_id desc);
create index blocks_other on blocks (other_id, user_id);

-- A freed username rests 30 days: until then only its last owner may take it (back).
create table former_usernames (
  username citext primary key,
  user_id uuid not null,
  freed_at timestamptz(3) not null
);

create index former_usernames_user on former_usernames (user_id, freed_at);
create index former_usernames_freed on former_usernames (freed_at);

-- In the database, so that no writer of `users` can forget it, and after the row is written, so that it cannot be
-- raced: the unique index on users.username has made two who want one name wait for each other by then, and this
-- sees what the first has committed. A resting name is refused as one that somebody has. The time is the row's own.
create function keep_usernames() returns trigger language plpgsql as $$
declare
  taken former_usernames%rowtype;
begin
  if tg_op = 'UPDATE' then
    if old.username = new.username then
      return null;
    end if;
    delete from former_usernames where ctid = any (array(
      select ctid from former_usernames where freed_at < new.updated_at - interval '30 days'
      limit 100 for update skip locked));
    insert into former_usernames values (old.username, new.id, new.updated_at)
      on conflict (username) do update set user_id = excluded.user_id, freed_at = excluded.freed_at;
  end if;
  delete from former_usernames where username = new.username returning * into taken;
  if taken.user_id <> new.id and taken.freed_at > new.updated_at - interval '30 days' then
    raise exception 'this username rests' using errcode = 'unique_violation', constraint = 'users_username_key',
      table = 'users';
  end if;
  return null;
end $$;

create trigger keep_usernames after insert or update of username on users
  for each row execute function keep_usernames();
