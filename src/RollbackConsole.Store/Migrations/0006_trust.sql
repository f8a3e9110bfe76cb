-- Runs: when a request grows stale, who looks at it, what is missing, and when a maintenance window lets it start.
alter table runs
    add column expires_at timestamptz,
    add column claimed_by text,
    add column claimed_at timestamptz,
    add column missing    text,
    add column not_before timestamptz;
create index runs_expire on runs (expires_at) where expires_at is not null;

-- Runs that were started without approval and wait for a review.
alter table incidents
    add column reviews   integer not null default 0,
    add column review_by timestamptz;

-- Tokens: until when, for what, and when they were last seen.
alter table api_tokens
    add column expires_at     timestamptz,
    add column scope          text[] not null default '{}',
    add column owner_id       text,
    add column last_used_at   timestamptz,
    add column last_used_from text;

-- Accounts: passkeys (ASP.NET Core Identity), and the sessions that a person can see and end.
create table account_passkeys (
    credential_id bytea not null primary key,
    user_id       text  not null references accounts on delete cascade,
    data          jsonb not null
);
create index account_passkeys_of_user on account_passkeys (user_id);

create table sessions (
    id           text        not null primary key,
    user_id      text        not null references accounts on delete cascade,
    created_at   timestamptz not null,
    last_used_at timestamptz not null,
    address      text        not null,
    agent        text        not null,
    method       text        not null,
    ended_at     timestamptz
);
create index sessions_of_user on sessions (user_id, last_used_at desc);

-- The journal page searches by words, kind, actor and time.
create index journal_at on journal (at);
create index journal_kind on journal (kind, position);
