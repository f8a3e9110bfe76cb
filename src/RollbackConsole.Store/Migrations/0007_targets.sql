-- One run of a kind works on a service in an environment at a time. The name is taken in the commit that lets the run start, and given back in the one that
-- ends it: of two commanders who start at once, one is refused by the database itself.
alter table runs add column works_on text;
-- What works already has its place. Were there two on one target, the older keeps it, and the other goes on as before.
update runs set works_on = 'Rollback ' || environment || ' ' || service where id in (
    select distinct on (environment, service) id from runs where status in ('queued', 'running', 'paused', 'needsDecision', 'aborting') and not dry_run order by environment, service, requested_at);
create unique index runs_works_on on runs (works_on) where works_on is not null;
