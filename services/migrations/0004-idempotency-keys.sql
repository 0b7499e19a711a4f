-- What was answered to requests with an Idempotency-Key. The answer is `json` and not `jsonb`: it is given again as
-- it was given, and may hold what jsonb refuses.
create table idempotency_keys (
  user_id uuid not null,
  key text not null,
  body_hash bytea not null,                    -- of the method, the path and the body
  status smallint,                             -- null while the request runs
  answer json,
  locked_until timestamptz(3) not null,        -- a request that has not ended by then never will
  expires_at timestamptz(3) not null,
  primary key (user_id, key)
);
create index on idempotency_keys (expires_at);
