-- Names this installation, so that two of them on one host do not take each other's cookies.
create table instance (
    id text not null primary key
);
insert into instance values (substr(md5(random()::text || clock_timestamp()::text), 1, 8));
