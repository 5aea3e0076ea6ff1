#!/bin/sh
# check-purity.sh [ARCHIVE...] - the pure archives need nothing beyond tests/purity.allow: no I/O, no
# clock, no environment, no threads.
#
# Symbols that one of the archives itself defines are fine.  Without arguments (make check) the
# archives are those of $PURE_ARCHIVES, and each pure folder that has sources must be among them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
allow=$here/purity.allow
nm=${NM:-nm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2086 # a list
    set -- ${PURE_ARCHIVES:-}
    for folder in common/model agentproto scheduler ha; do
        [ -n "$(find "$here/../$folder" -name '*.c')" ] || continue
        case " $* " in
        *"/lib${folder##*/}.a "*) ;;
        *) echo "$folder has sources, but PURE_ARCHIVES (its automake.mk) no lib${folder##*/}.a" >&2
            exit 1 ;;
        esac
    done
fi
[ $# -gt 0 ] || { echo "check-purity: no archives" >&2; exit 1; }
for archive; do
    $nm "$archive" > "$work/nm" 2> "$work/err" || { cat "$work/err" >&2; exit 1; }
    sed "s|^|$(basename "$archive") |" "$work/nm" >> "$work/all"
done

# nm prints "NAME.o:", "VALUE T symbol" for what is defined and "U symbol" for what is needed.
awk '
FILENAME == ARGV[1] {
    sub(/#.*/, "")
    if ($1 == "")
        next
    if (sub(/\*$/, "", $1))
        prefixes[$1] = 1
    else
        names[$1] = 1
    next
}
NF == 2 && $2 ~ /:$/ { object = substr($2, 1, length($2) - 1); n_objects++; next }
NF == 4 { defined[$4] = 1; next }
NF == 3 && $2 == "U" { users[$3] = users[$3] " " $1 "(" object ")"; n_needed++ }
END {
    for (symbol in users) {
        good = symbol in defined || symbol in names
        for (prefix in prefixes)
            good = good || index(symbol, prefix) == 1
        if (!good) {
            printf "%s is not pure (tests/purity.allow), needed by%s\n", symbol, users[symbol]
            n_bad++
        }
    }
    if (n_objects == 0 || n_needed == 0) {
        print "check-purity: found nothing to check"
        n_bad++
    }
    exit n_bad > 0
}' "$allow" "$work/all"
