#!/bin/sh
# check-dist.sh TARBALL - what `make dist` packed is what git holds, no less and no more.
#
# A file that is not in EXTRA_DIST builds fine for whoever has the clone and for nobody else.
set -eu

tarball=$1
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/vrm-dist.XXXXXX")
trap 'rm -rf "$dir"' EXIT
git -C "$top" rev-parse --git-dir >/dev/null 2>&1 || { echo "check-dist: no git clone" >&2; exit 77; }

# Only of use in a clone.
git -C "$top" ls-files | grep -vE '(^|/)\.git(ignore|attributes)$' | LC_ALL=C sort >"$dir/git"
# Made by autoreconf.
tar -tzf "$tarball" | sed -E 's,^[^/]*/,,' | grep -vE '(^|/)$' |
    grep -vE '^(aclocal\.m4|configure|config\.h\.in|Makefile\.in|build-aux/.*)$' |
    LC_ALL=C sort >"$dir/tar"

comm -23 "$dir/git" "$dir/tar" | sed 's/^/in git, not in the tarball: /' >"$dir/differ"
comm -13 "$dir/git" "$dir/tar" | sed 's/^/in the tarball, not in git: /' >>"$dir/differ"
cat "$dir/differ"
[ ! -s "$dir/differ" ] || exit 1
echo "check-dist: $(wc -l <"$dir/git") files, the same in both"
