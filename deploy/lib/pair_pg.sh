# shellcheck shell=bash
# pair_pg.sh - the two PostgreSQL servers of deploy/pair.  Sourced, never run.
#
# As on Debian, a server's settings are outside of its data folder; what is inside (the roles that
# standby.signal and ALTER SYSTEM give) is what pg_rewind and pg_basebackup copy.

pg_other() { [[ $1 == pg1 ]] && echo pg2 || echo pg1; }

# pg_settings NAME - deploy/conf/pair/postgresql.conf with this server's name and addresses.
pg_settings()
{
    local other
    other=$(pg_other "$1")
    sample postgresql.conf | sed -E -e "s/^(cluster_name = ).*/\1'$1'/" \
        -e "s/^(listen_addresses = ).*/\1'127.0.0.1'/" \
        -e "/^primary_conninfo/s/host=[^ ]* port=[^ ]*/host=127.0.0.1 port=$(port_of "$other") passfile=${PAIR_DIR//\//\\/}\/pgpass/" \
        -e "s/application_name=pg1/application_name=$1/"
    cat <<END_OF_CONF
data_directory = '$PAIR_DIR/$1'
hba_file = '$PAIR_DIR/etc/pg_hba.conf'
port = $(port_of "$1")
unix_socket_directories = '$PAIR_DIR/sock'
max_connections = 60
shared_buffers = 32MB
max_wal_size = 256MB
log_line_prefix = '%m [%p] %q%a '
dynamic_shared_memory_type = mmap
fsync = $PAIR_FSYNC
END_OF_CONF
}

pg_configure()
{
    local name
    install -d -m 0755 "$PAIR_DIR/etc"
    install -d -m 0700 "$PAIR_DIR/sock"
    for name in pg1 pg2; do
        pg_settings "$name" >"$PAIR_DIR/etc/$name.conf"
        touch "$(log_of "$name")"
        own "$(log_of "$name")" postgres
    done
    # The socket's folder is 0700: only root and the servers' user get there.
    {
        echo 'local all         all trust'
        echo 'local replication all trust'
        sample pg_hba.conf | sed 's/10\.0\.0\.[12]/127.0.0.1/'
    } >"$PAIR_DIR/etc/pg_hba.conf"
    own "$PAIR_DIR/sock" postgres
}

# pg_sql NAME DATABASE - runs what it reads.
pg_sql()
{
    as_user postgres "$PAIR_DIR" timeout 15 "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 \
        -h "$PAIR_DIR/sock" -p "$(port_of "$1")" -U postgres -d "$2"
}

# pg_ask NAME QUERY - fails soon where nobody answers.
pg_ask()
{
    runs "$1" && ! stands "$1" && pg_sql "$1" postgres <<<"$2" 2>/dev/null
}

pg_launch()
{
    check_port_free "$(port_of "$1")"
    # Nobody runs here, so a pid file is a crash's left-over.  PostgreSQL itself would be misled by a
    # zombie or a reused process id.
    pg_drop_memory "$PAIR_DIR/$1"
    rm -f "$PAIR_DIR/sock/.s.PGSQL.$(port_of "$1").lock"
    (cd "$PAIR_DIR/$1" && as_user postgres "$PAIR_DIR" timeout $((PAIR_START_LIMIT_S + 5)) \
        "$PG_BIN/pg_ctl" -D "$PAIR_DIR/$1" -o "-c config_file=$PAIR_DIR/etc/$1.conf" \
        -l "$(log_of "$1")" -s -w -t "$PAIR_START_LIMIT_S" start >/dev/null 2>&1 9>&-) || fail_start "$1"
}

pg_start()
{
    runs "$1" || pg_launch "$1"
}

# In "fast" mode the server's parent must get the signal alone, never its children.
pg_stop()
{
    [[ -f $PAIR_DIR/$1/postmaster.pid ]] && runs "$1" || return 0
    send CONT "$1"
    as_user postgres "$PAIR_DIR" timeout $((PAIR_STOP_LIMIT_S + 5)) "$PG_BIN/pg_ctl" \
        -D "$PAIR_DIR/$1" -s -w -t "$PAIR_STOP_LIMIT_S" -m fast stop >/dev/null 2>&1 || true
}

# pg_role NAME - prints primary, standby or nothing.
pg_role()
{
    case $(pg_ask "$1" 'SELECT pg_is_in_recovery()') in
    f) echo primary ;;
    t) echo standby ;;
    esac
}

# The primary that counts is that of the newest timeline: a revived old one may answer, too.
pg_primary()
{
    local name best='' best_line=0 line
    for name in pg1 pg2; do
        line=$(pg_ask "$name" "SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE
            ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END") || continue
        if ((line > best_line)); then
            best=$name best_line=$line
        fi
    done
    [[ -n $best ]] && echo "$best"
}

# --- making them ------------------------------------------------------------------------------

pg_create_primary()
{
    install -d -m 0700 "$PAIR_DIR/pg1"
    own "$PAIR_DIR/pg1" postgres
    as_user postgres "$PAIR_DIR" test -x "$PAIR_DIR/pg1" ||
        pair_die "VRM_PAIR_DIR '$PAIR_DIR': the user postgres cannot reach it; choose a folder others may enter"
    as_user postgres "$PAIR_DIR" timeout 60 "$PG_BIN/initdb" -D "$PAIR_DIR/pg1" -U postgres -A trust \
        -E UTF8 --locale=C.UTF-8 --data-checksums --no-sync --no-instructions \
        >"$(log_of initdb)" 2>&1 || pair_die "initdb failed: $(tail -n 3 "$(log_of initdb)")"
    pg_launch pg1
    # There is no standby yet that could confirm.
    pg_sql pg1 postgres <<END_OF_SQL
SET synchronous_commit = local;
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '$(<"$PAIR_DIR/secret")';
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean),
    pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean) TO replicator;
CREATE ROLE vrm LOGIN PASSWORD '$(<"$PAIR_DIR/secret")';
CREATE DATABASE vrm OWNER vrm;
END_OF_SQL
    touch "$PAIR_DIR/pg1.made"
}

# pg_copy FROM TO - TO becomes a standby with a copy of all that FROM has.
pg_copy()
{
    rm -rf "${PAIR_DIR:?}/$2"
    install -d -m 0700 "$PAIR_DIR/$2"
    own "$PAIR_DIR/$2" postgres
    as_user postgres "$PAIR_DIR" timeout 60 "$PG_BIN/pg_basebackup" -h 127.0.0.1 \
        -p "$(port_of "$1")" -U replicator -d "passfile=$PAIR_DIR/pgpass" -D "$PAIR_DIR/$2" \
        -X stream -c fast --no-sync >>"$(log_of "$2")" 2>&1 ||
        pair_die "pg_basebackup of $1 failed: $(tail -n 3 "$(log_of "$2")")"
    as_user postgres "$PAIR_DIR" touch "$PAIR_DIR/$2/standby.signal"
}

# pg_rejoin OLD NEW - an old primary becomes the standby of the new one; what it had and the new one
# has not was never acknowledged.
pg_rejoin()
{
    pair_say "$1 becomes the standby of $2"
    pg_drop_memory "$PAIR_DIR/$1"
    pg_sql "$2" postgres <<<CHECKPOINT
    if as_user postgres "$PAIR_DIR" timeout 60 "$PG_BIN/pg_rewind" --target-pgdata "$PAIR_DIR/$1" \
        --config-file "$PAIR_DIR/etc/$1.conf" --no-sync --source-server \
        "host=127.0.0.1 port=$(port_of "$2") user=replicator dbname=postgres passfile=$PAIR_DIR/pgpass" \
        >>"$(log_of "$1")" 2>&1; then
        as_user postgres "$PAIR_DIR" touch "$PAIR_DIR/$1/standby.signal"
    else
        pair_say "pg_rewind cannot; copying everything"
        pg_copy "$2" "$1"
    fi
}

pg_streams() # PRIMARY
{
    [[ $(pg_ask "$1" "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1 ]]
}

# pg_alone PRIMARY on|off - may it acknowledge without its standby?
pg_alone()
{
    if [[ $2 == on ]]; then
        pg_sql "$1" postgres <<<"ALTER SYSTEM SET synchronous_standby_names = ''"
    else
        pg_sql "$1" postgres <<<"ALTER SYSTEM RESET synchronous_standby_names"
    fi
    pg_sql "$1" postgres <<<'SELECT pg_reload_conf()' >/dev/null
}

# pg_sync NAME - prints how it acknowledges.
pg_sync()
{
    if [[ -z $(pg_ask "$1" 'SHOW synchronous_standby_names') ]]; then
        echo "alone: what it acknowledges is on this server only"
    elif [[ $(pg_ask "$1" "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')") == 1 ]]; then
        echo "acknowledges with its standby"
    else
        echo "waits for its standby"
    fi
}
