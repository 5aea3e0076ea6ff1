#!/bin/sh
# gen-migrations.sh OUTPUT FILE.sql... - embeds the migrations as C strings, in order.
set -eu

die()
{
    echo "gen-migrations: $*" >&2
    exit 1
}

[ $# -ge 2 ] || die "usage: gen-migrations.sh OUTPUT FILE.sql..."
output=$1
shift

{
    echo '/* Made by db/gen-migrations.sh from db/migrations; do not edit. */'
    echo '#include "config.h"'
    echo
    echo '#include "db/migrate.h"'
    echo
    echo 'const struct migration migrations[] = {'
    version=0
    for sql in "$@"; do
        version=$((version + 1))
        name=$(basename "$sql" .sql)
        expected=$(printf '%04d_' "$version")
        case $name in
        "$expected"[a-z]*) ;;
        *) die "$sql: number $expected expected: files are numbered without gaps" ;;
        esac
        echo "    { $version, \"$name\","
        sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/      "/' -e 's/$/\\n"/' "$sql"
        echo '    },'
    done
    echo '};'
    echo 'const unsigned n_migrations = G_N_ELEMENTS(migrations);'
} >"$output.new" || { rm -f "$output.new"; exit 1; }
mv "$output.new" "$output"
