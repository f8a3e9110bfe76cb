-- One run of a kind works on a service in an environment at a time. The name is taken in the commit that lets the run start, and given back in the one that
-- ends it: of two commanders who start at once, one is refused by the database itself.
alter table runs add column works_on text;
create unique index runs_works_on on runs (works_on) where works_on is not null;
