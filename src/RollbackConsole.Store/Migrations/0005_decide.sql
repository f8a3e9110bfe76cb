-- Library documents other than plans: catalog entries, matrices, escalations.
create table library_versions (
    kind     text        not null,
    name     text        not null,
    version  integer     not null,
    digest   text        not null,
    title    text        not null,
    source   text        not null,
    added_by text        not null,
    added_at timestamptz not null,
    primary key (kind, name, version)
);

-- What lists and the clock need to know of an incident. next_due is when something happens without anybody doing anything.
alter table incidents
    add column clock_started_at timestamptz,
    add column decision         text,
    add column overdue          boolean not null default false,
    add column level            integer not null default 0,
    add column acknowledged_by  text,
    add column next_due         timestamptz;
update incidents set clock_started_at = declared_at, next_due = case when status = 'open' and decided_at is null then decide_by end;
alter table incidents alter column clock_started_at set not null;
create index incidents_due on incidents (next_due) where next_due is not null;

-- Alerts as their senders last told them. The timeline keeps what people need to read; this keeps every alert's present state and its count.
create table alerts (
    service     text        not null,
    environment text        not null,
    fingerprint text        not null,
    name        text        not null,
    severity    text        not null,
    action      text        not null,
    firing      boolean     not null,
    starts_at   timestamptz not null,
    ends_at     timestamptz,
    summary     text        not null,
    assumed     text,
    incident_id text        not null,
    received    bigint      not null,
    fires       integer     not null,
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    primary key (service, environment, fingerprint)
);
create index alerts_of_incident on alerts (incident_id);

-- Alerts that were received and not worked on yet; another word about the same alert joins the one that waits.
create table alert_inbox (
    service     text        not null,
    environment text        not null,
    fingerprint text        not null,
    alert       jsonb       not null,
    fired       boolean     not null,
    received    bigint      not null,
    received_at timestamptz not null,
    primary key (service, environment, fingerprint)
);
create index alert_inbox_age on alert_inbox (received_at);

-- Every alert that was received counts, also the ones beyond what one service may have waiting.
create table alert_totals (
    service     text   not null,
    environment text   not null,
    received    bigint not null,
    beyond      bigint not null,
    primary key (service, environment)
);

-- Messages to contacts, written with the event that ordered them, sent by whichever node claims them first.
create table outbox (
    id          text        not null primary key,
    incident_id text        not null,
    contact     text        not null,
    channel     text        not null,
    payload     jsonb       not null,
    status      text        not null,
    attempts    integer     not null default 0,
    next_at     timestamptz not null,
    last_error  text,
    created_at  timestamptz not null,
    finished_at timestamptz
);
create index outbox_due on outbox (next_at) where status = 'pending';
create index outbox_of_incident on outbox (incident_id, created_at);

-- How the console's own queries to Prometheus fare.
create table metric_queries (
    entity      text        not null,
    metric      text        not null,
    environment text        not null,
    asked_at    timestamptz not null,
    value       double precision,
    error       text,
    primary key (entity, metric, environment)
);
