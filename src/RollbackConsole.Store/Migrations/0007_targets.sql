-- One run of a kind works on a service in an environment at a time. The name is taken in the commit that lets the run start, and given back in the one that
-- ends it: of two commanders who start at once, one is refused by the database itself.
alter table runs add column works_on text;
-- What works already has its place. Were there two on one target, the older has it, and the other goes on beside it as before, without one.
update runs set works_on = coalesce((select data -> 'plan' ->> 'purpose' from journal where stream = 'run/' || runs.id and version = 1), 'rollback') || ' ' || environment || ' ' || service
where id in (select distinct on (environment, service) id from runs where status in ('queued', 'running', 'paused', 'needsDecision', 'aborting') and not dry_run order by environment, service, requested_at);
-- A node of the version before ends runs without giving the name back: an ended run holds nothing, whatever stands there.
create unique index runs_works_on on runs (works_on) where works_on is not null and status not in ('awaitingApproval', 'finished');
