-- Finding people: beginnings of names in the order of an index, so that a page reads only what it gives, and slips
-- of the pen by the words of names, of which there are far fewer than people. See ops/decisions/0015.

drop index users_username_trigrams;
drop index users_display_name_trigrams;

-- A display name from its nth word on, as it is searched: 32 characters in lower case. Null: it has fewer words.
-- Words end at spaces; services/users/search.ts cuts names in the same way.
create function name_from(name text, nth integer) returns text language sql immutable parallel safe
  return left(lower(substring(name from '^ *' || repeat('[^ ]+ +', nth - 1) || '([^ ].*)$')), 32);

-- In the order of bytes, whatever the database's collation is: ranges of it are beginnings.
create index users_username_begins on users ((lower(username::text) collate "C"), id) where deleted_at is null;
create index users_name_1_begins on users ((name_from(display_name, 1) collate "C"), id) where deleted_at is null;
create index users_name_2_begins on users ((name_from(display_name, 2) collate "C"), id)
  where deleted_at is null and name_from(display_name, 2) is not null;
create index users_name_3_begins on users ((name_from(display_name, 3) collate "C"), id)
  where deleted_at is null and name_from(display_name, 3) is not null;

-- Every word with which a username or one of the first three parts of a display name begins. Words stay when the
-- last of their people goes: they find nobody then.
create table name_words (
  word text primary key
);

create index name_words_trigrams on name_words using gin (word gin_trgm_ops);

-- Up to `most` words that are alike, for each of these, the more alike first. While there are few words the planner
-- would compare with all of them: 5 ms for 4,000, where the index takes one.
create function alike_words(given text[], most integer)
  returns table (of text, word text, likeness real) language sql stable set enable_seqscan = off
  begin atomic
    select g.word, near.word, near.likeness
    from unnest(given) with ordinality as g (word, nth),
    lateral (
      select w.word, similarity(w.word, g.word) as likeness from name_words w
      where w.word % g.word order by likeness desc, w.word limit most
    ) near
    where cardinality(show_trgm(g.word)) > 0
    order by g.nth, near.likeness desc, near.word;
  end;

create function name_words_of(username text, display_name text) returns setof text language sql immutable
  begin atomic
    select distinct word from unnest(array[
      substring(lower(username) from '^[a-z]+'),
      substring(name_from(display_name, 1) from '^[^ ]+'),
      substring(name_from(display_name, 2) from '^[^ ]+'),
      substring(name_from(display_name, 3) from '^[^ ]+')
    ]) word where length(word) between 3 and 24 order by word;
  end;

-- In the database, so that no writer of `users` can forget it.
create function keep_name_words() returns trigger language plpgsql as $$
begin
  insert into name_words select new_word from name_words_of(new.username::text, new.display_name) new_word
    where not exists (select from name_words where word = new_word)
    on conflict do nothing;
  return null;
end $$;

create trigger keep_name_words after insert or update of username, display_name on users
  for each row execute function keep_name_words();

insert into name_words select distinct word from users, name_words_of(username::text, display_name) word;
