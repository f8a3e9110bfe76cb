-- The journal: everything that happened, in commit order, chained by hash.
create table journal (
    position bigint      not null primary key,
    stream   text        not null,
    version  integer     not null,
    at       timestamptz not null,
    actor    text        not null,
    kind     text        not null,
    data     jsonb       not null,
    hash     text        not null,
    unique (stream, version)
);

-- What the hash covers, in one place for the writer and for whoever verifies.
create function journal_hash(p_previous text, p_position bigint, p_stream text, p_version integer, p_at timestamptz, p_actor text, p_kind text, p_data jsonb)
returns text language sql stable as $$
    select encode(sha256(convert_to(concat_ws(E'\n', p_previous, p_position::text, p_stream, p_version::text,
        to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), p_actor, p_kind, p_data::text), 'UTF8')), 'hex')
$$;

-- Appends to one stream. The advisory lock is held until commit, so positions are given in commit order and a reader
-- that follows them never skips a gap. A stream that is not at the expected version raises RC001 and nothing is written.
create function journal_append(p_stream text, p_expected integer, p_actor text, p_at timestamptz, p_kinds text[], p_data text[])
returns bigint language plpgsql as $$
declare
    v_position bigint;
    v_hash     text;
    v_version  integer;
    v_data     jsonb;
begin
    perform pg_advisory_xact_lock(720100);
    select coalesce(max(version), 0) into v_version from journal where stream = p_stream;
    if v_version <> p_expected then
        raise exception using errcode = 'RC001',
            message = format('%s is at version %s, not at %s', p_stream, v_version, p_expected);
    end if;
    select j.position, j.hash into v_position, v_hash from journal j order by j.position desc limit 1;
    if not found then
        v_position := 0;
        v_hash := '';
    end if;
    for i in 1 .. coalesce(array_length(p_kinds, 1), 0) loop
        v_position := v_position + 1;
        v_version := v_version + 1;
        v_data := p_data[i]::jsonb;
        v_hash := journal_hash(v_hash, v_position, p_stream, v_version, p_at, p_actor, p_kinds[i], v_data);
        insert into journal values (v_position, p_stream, v_version, p_at, p_actor, p_kinds[i], v_data, v_hash);
    end loop;
    perform pg_notify('console', 'journal');
    perform pg_notify('console', p_stream);
    return v_position;
end
$$;
