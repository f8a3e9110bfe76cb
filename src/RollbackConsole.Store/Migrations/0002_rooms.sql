-- Read models: one row for each incident, run and plan version, written in the journal's transaction.
create sequence incident_number as integer;

create table incidents (
    id          text        not null primary key,
    number      integer     not null unique,
    title       text        not null,
    service     text        not null,
    environment text        not null,
    severity    text        not null,
    action      text        not null,
    status      text        not null,
    commander   text,
    declared_at timestamptz not null,
    decide_by   timestamptz not null,
    decided_at  timestamptz,
    resolved_at timestamptz
);
create index incidents_not_closed on incidents (declared_at desc) where status <> 'closed';
create index incidents_of_service on incidents (service, environment) where status = 'open';

create table runs (
    id           text        not null primary key,
    incident_id  text        not null,
    plan         text        not null,
    plan_version integer     not null,
    title        text        not null,
    service      text        not null,
    environment  text        not null,
    dry_run      boolean     not null,
    status       text        not null,
    outcome      text,
    summary      text        not null,
    requested_by text        not null,
    requested_at timestamptz not null,
    started_at   timestamptz,
    finished_at  timestamptz,
    steps        integer     not null,
    steps_done   integer     not null,
    node         text
);
create index runs_of_incident on runs (incident_id, requested_at);
create index runs_not_finished on runs (requested_at) where status <> 'finished';

create table plan_versions (
    name     text        not null,
    version  integer     not null,
    digest   text        not null,
    title    text        not null,
    service  text,
    risk     text        not null,
    source   text        not null,
    plan     jsonb       not null,
    added_by text        not null,
    added_at timestamptz not null,
    primary key (name, version)
);

-- Who holds a run, and until when. The epoch fences: log lines of an older one are refused.
create table run_leases (
    run_id     text        not null primary key,
    node       text        not null,
    epoch      integer     not null,
    expires_at timestamptz not null
);

create table log_lines (
    run_id  text        not null,
    seq     bigint      not null,
    at      timestamptz not null,
    step    text        not null,
    attempt integer     not null,
    stream  text        not null,
    text    text        not null,
    primary key (run_id, seq)
);
create index log_lines_of_step on log_lines (run_id, step, seq);

create table metric_points (
    id          bigint generated always as identity primary key,
    service     text             not null,
    environment text             not null,
    metric      text             not null,
    value       double precision not null,
    baseline    double precision,
    at          timestamptz      not null
);
create index metric_points_of_service on metric_points (service, environment, metric, at desc);
