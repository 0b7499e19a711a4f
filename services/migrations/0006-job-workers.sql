-- Signs of life of those who work on the job queue. The queue itself is graphile-worker's, in a schema of its own,
-- which is brought up to date behind these files.
create table job_workers (
  id text primary key,
  seen_at timestamptz not null
);
