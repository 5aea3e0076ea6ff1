#!/bin/sh
# check-banned.sh [ROOT [FILE...]] - no call of tests/banned, except with "allowed: why" on its line.
#
# Without FILEs (relative to ROOT) all C files of our folders are read.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${1:-$here/..}
[ $# -eq 0 ] || shift
cd "$root"

if [ $# -eq 0 ]; then
    folders=
    for folder in common agentproto scheduler ha db api controller agent tests; do
        [ ! -d "$folder" ] || folders="$folders $folder"
    done
    # shellcheck disable=SC2046,SC2086 # our own paths: no blanks in them
    set -- $(find $folders -name '*.[ch]' | sort)
fi
[ $# -gt 0 ] || { echo "check-banned: no C files in $root" >&2; exit 1; }

exec awk -v table="$here/banned" '
BEGIN {
    while ((getline line < table) > 0) {
        if (line ~ /^#/ || line == "")
            continue
        name = line
        sub(/[ \t].*/, "", name)
        sub(/^[^ \t]*[ \t]*/, "", line)
        instead[name] = line
    }
}
FNR == 1 { in_comment = 0; n_files++ }
{
    allowed = $0 ~ /allowed: *[^ *]/
    text = $0
    gsub(/\\./, "", text)         # escapes in strings and characters
    gsub(/\047"\047/, "", text)   # a quote as a character
    gsub(/"[^"]*"/, "\"\"", text) # strings
    if (in_comment) {
        if (!match(text, /\*\//))
            next
        text = substr(text, RSTART + 2)
        in_comment = 0
    }
    while (match(text, /\/\*/)) {
        before = substr(text, 1, RSTART - 1)
        after = substr(text, RSTART + 2)
        if (match(after, /\*\//)) {
            text = before " " substr(after, RSTART + 2)
        } else {
            text = before
            in_comment = 1
        }
    }
    sub(/\/\/.*/, "", text)
    if (allowed)
        next
    while (match(text, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        before = RSTART > 1 ? substr(text, RSTART - 1, 1) : ""
        name = substr(text, RSTART, RLENGTH - 1)
        text = substr(text, RSTART + RLENGTH)
        sub(/[ \t]+$/, "", name)
        if (name in instead && before != "." && before != ">") {
            printf "%s:%d: %s is banned: use %s\n", FILENAME, FNR, name, instead[name]
            n_bad++
        }
    }
}
END {
    if (n_files == 0) {
        print "check-banned: nothing was read"
        n_bad++
    }
    exit n_bad > 0
}' "$@"
