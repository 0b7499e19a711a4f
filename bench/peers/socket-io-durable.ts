import pg from 'pg';
import { serveSocketIo } from './socket-io-rooms.ts';

/** Each message is a row in PostgreSQL before it is acked: what a team would build first. Ten connections, as Suhbat. */
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
await pool.query(
  `create table if not exists messages (
     chat_id text not null, seq bigint not null, sender_id text not null, client_id uuid not null, text text not null,
     created_at timestamptz not null default now(), primary key (chat_id, seq))`,
);
await pool.query(
  'create unique index if not exists messages_client on messages (chat_id, sender_id, client_id)',
);
serveSocketIo({
  keep: ({ chat_id, client_id, text }, seq, sender) =>
    pool.query({
      name: 'insert',
      text: 'insert into messages (chat_id, seq, sender_id, client_id, text) values ($1, $2, $3, $4, $5)',
      values: [chat_id, seq, sender, client_id, text],
    }),
});
