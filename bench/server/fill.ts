import { withClient } from '../../ops/connections/postgres-client.ts';

/** Fills tables as use over years would, in the minutes that a bench has. */

type Query = (text: string, values?: unknown[]) => Promise<{ rows: Record<string, string>[] }>;

/** Rows go into a table many times faster without its trigram indexes, which are made again after. */
async function withoutTrigrams(query: Query, table: string, fill: () => Promise<void>): Promise<void> {
  const { rows } = await query(
    `select indexname, indexdef from pg_indexes where tablename = $1 and indexdef like '%gin_trgm_ops%'`,
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
    work((text, values) => client.query(text, values)),
  );
}

/** So many messages more in a chat that no server has in memory, of two words and a number each. */
export function fillChat(url: string, chat: string, sender: string, count: number): Promise<void> {
  return connected(url, async (query) => {
    await withoutTrigrams(query, 'messages', async () => {
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
    await withoutTrigrams(query, 'users', async () => {
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
