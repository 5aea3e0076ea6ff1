#!/bin/sh
# check-layers.sh [ROOT [FILE...]] - every #include is allowed by tests/layers.
#
# Without FILEs (relative to ROOT) all C files of the folders that the table names are read.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${1:-$here/..}
[ $# -eq 0 ] || shift
cd "$root"

if [ $# -eq 0 ]; then
    folders=
    # shellcheck disable=SC2013 # one word a line
    for folder in $(sed -n 's/^\([a-z][a-z/]*\):.*/\1/p' "$here/layers"); do
        [ ! -d "$folder" ] || folders="$folders $folder"
    done
    for source in */*.c; do # a folder that nobody put into the table
        [ -f "$source" ] || continue
        folder=${source%%/*}
        case $folder in build* | _* | vrm-*) continue ;; esac
        case " $folders" in
        *" $folder "* | *" $folder" | *" $folder/"*) ;;
        *) echo "$source: tests/layers does not name the folder $folder"; exit 1 ;;
        esac
    done
    # shellcheck disable=SC2046,SC2086 # our own paths: no blanks in them
    set -- $(find $folders -name '*.[ch]' | sort)
fi
[ $# -gt 0 ] || { echo "check-layers: no C files in $root" >&2; exit 1; }

exec awk -v table="$here/layers" '
function fail(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    n_bad++
}
function folder_of(path,    best, folder) {
    best = ""
    for (folder in may)
        if (index(path, folder "/") == 1 && length(folder) > length(best))
            best = folder
    return best
}
BEGIN {
    while ((getline line < table) > 0) {
        sub(/#.*/, "", line)
        if (split(line, part, ":") < 2)
            continue
        gsub(/^ +| +$/, "", part[2])
        if (line ~ /^</)
            owners[part[1]] = " " part[2] " "
        else
            may[part[1]] = " " part[2] " " part[1] " "
    }
}
FNR == 1 {
    sub(/^\.\//, "", FILENAME)
    from = folder_of(FILENAME)
    n_files++
}
/^[ \t]*#[ \t]*include[ \t]*</ {
    for (header in owners)
        if (index($0, header) && index(owners[header], " " from " ") == 0)
            fail(header "...> is only for" owners[header] "(tests/layers)")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    path = part[2]
    if (path == "config.h")
        next
    if (path ~ /^(base|etcd|model)\//)
        path = "common/" path
    to = folder_of(path)
    if (to == "")
        fail("\"" path "\": includes of ours are \"folder/file.h\"")
    else if (index(may[from], " * ") == 0 && index(may[from], " " to " ") == 0)
        fail(from " may not include " to " (tests/layers)")
}
END {
    if (n_files == 0) {
        print "check-layers: nothing was read"
        n_bad++
    }
    exit n_bad > 0
}' "$@"
