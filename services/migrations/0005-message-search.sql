-- Messages by their time within a chat: where a search goes on, and where a date begins.
-- Times of a chat never go back, so this order is the order of seqs.
create index messages_time on messages (chat_id, created_at, seq);
