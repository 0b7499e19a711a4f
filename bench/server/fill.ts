import { withClient } from '../../ops/connections/postgres-client.ts';
import { newId } from '../../schemas/ids.ts';

/** Fills tables as use over years would, in the minutes that a bench has. */

type Query = (text: string, values?: readonly unknown[]) => Promise<{ rows: Record<string, string>[] }>;

/** Rows go into a table many times faster without its search indexes, which are made again after. */
async function withoutSearch(query: Query, table: string, fill: () => Promise<void>): Promise<void> {
  const { rows } = await query(
    `select indexname, indexdef from pg_indexes where tablename = $1
       and (indexdef like '%gin_trgm_ops%' or indexname like '%\\_begins')`,
    [table],
  );
  for (const { indexname } of rows) await query(`drop index ${indexname}`);
  await fill();
  await query(`set maintenance_work_mem = '512MB'`);
  for (const { indexdef = '' } of rows) await query(indexdef);
  await query(`vacuum analyze ${table}`);
}

function connected(url: string, work: (query: Query) => Promise<void>): Promise<void> {
  return withClient({ url, applicationName: 'bench' }, (client) =>
    work((text, values) => client.query(text, values && [...values])),
  );
}

/** So many messages more in a chat that no server has in memory, of two words and a number each. */
export function fillChat(url: string, chat: string, sender: string, count: number): Promise<void> {
  return connected(url, async (query) => {
    await withoutSearch(query, 'messages', async () => {
      await query(
        `insert into messages (chat_id, seq, sender_id, kind, text, client_id, ordinal, created_at, changed_seq)
         select id, head_seq + n, $2, 'text',
           'salom ' || substr(md5(n::text), 1, 7) || ' ' || substr(md5((n % 5000)::text), 1, 9) || ' ' || n,
           gen_random_uuid(), messages_count + n, now() - ($3 - n) * interval '1 second', head_seq + n
         from chats, generate_series(1, $3::int) n where id = $1`,
        [chat, sender, count],
      );
    });
    await query(
      `update chats set head_seq = head_seq + $2, last_message_seq = head_seq + $2, messages_count = messages_count + $2
       where id = $1`,
      [chat, count],
    );
  });
}

/** What people say, the commonest first: every text has some of these. */
const said =
  'va bu men sen salom qalay yaxshi bor yo‘q ha нет да привет как дела bugun ertaga kecha uyda ishda kitob choy non suv ' +
  'keldi ketdi bo‘ladi kerak emas qayerda qachon nima kim chunki lekin agar rahmat iltimos maktab dars ustoz talaba ' +
  'завтра сегодня хорошо спасибо пожалуйста конечно работа дом школа город Toshkent Samarqand Buxoro mashina yo‘l bozor ' +
  'telefon kompyuter internet rasm musiqa kino futbol o‘yin oila bola ota ona aka opa do‘st mehmon to‘y bayram tabrik';

/** One in so many messages has this word. */
const seldom = { kamyob: 20_000, orasida: 300, редкость: 20_000 };

/**
 * So many messages of everyday words in each of some chats, `sizes`, that no server has in memory, as these people say
 * them in turn over a year. All of them are in each chat. The ids of the chats.
 */
export async function fillChats(
  url: string,
  people: readonly string[],
  sizes: readonly number[],
): Promise<string[]> {
  const ids = sizes.map(() => newId());
  const word = `words[1 + floor(power(random(), 3) * array_length(words, 1))::int]`;
  const rare = Object.entries(seldom).map(
    ([text, every]) => `case when random() * ${every} < 1 then ' ${text}' else '' end`,
  );
  await connected(url, async (query) => {
    await query('select setseed(0.5)');
    await query(
      `insert into chats (id, number, type, title, created_by, created_at, head_seq, last_message_seq,
         last_activity_at, messages_count, members_count)
       select id, nextval('chats_number'), 'group', 'bench', $3, now() - interval '1 year', n, n, now(), n, $4
       from unnest($1::uuid[], $2::int[]) as chat(id, n)`,
      [ids, sizes, people[0], people.length],
    );
    await query(
      `insert into chat_members (chat_id, user_id, role, joined_seq)
       select chat, person, 'member', 1 from unnest($1::uuid[]) chat, unnest($2::uuid[]) person`,
      [ids, people],
    );
    await withoutSearch(query, 'messages', async () => {
      await query(
        `insert into messages (chat_id, seq, sender_id, kind, text, client_id, ordinal, created_at, changed_seq)
         select id, seq, ($3::uuid[])[1 + seq % $4], 'text',
           concat_ws(' ', ${Array(6).fill(word).join(', ')}, substr(md5(random()::text), 1, 5)) || ${rare.join(' || ')},
           gen_random_uuid(), seq, at, seq
         from (select id, seq, now() - (n - seq) * (interval '1 year' / n) as at, $5::text[] as words
           from unnest($1::uuid[], $2::int[]) as chat(id, n), generate_series(1, n) seq order by at) message`,
        [ids, sizes, people, people.length, said.split(' ')],
      );
    });
  });
  return ids;
}

/** So many people more, whose names are made of syllables as names are: many alike, few the same. */
export function fillPeople(url: string, count: number): Promise<void> {
  const syllables = [
    'a',
    'bek',
    'dil',
    'gul',
    'jon',
    'ka',
    'mir',
    'na',
    'nor',
    'o',
    'ra',
    'sher',
    'shod',
    'ta',
    'xon',
    'za',
  ];
  const part = (shift: number) => `($2::text[])[1 + ((n * 7919::bigint) >> ${shift}) % ${syllables.length}]`;
  return connected(url, async (query) => {
    await withoutSearch(query, 'users', async () => {
      await query(
        `insert into users (id, username, first_name, display_name)
         select gen_random_uuid(), ${part(0)} || ${part(4)} || ${part(8)} || n, ${part(0)},
           initcap(${part(0)} || ${part(4)} || ${part(8)}) || ' ' || initcap(${part(12)} || ${part(16)} || 'ov')
         from generate_series(1, $1::int) n`,
        [count, syllables],
      );
    });
  });
}
