#!/bin/sh
# check-selftest.sh - each check of the sources fails on a bad sample and passes a good one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_bad=0

# expect pass|fail WORD COMMAND...: the command's verdict, and WORD in what it says.
expect() {
    verdict=$1 word=$2
    shift 2
    if "$@" > "$work/out" 2>&1; then got=pass; else got=fail; fi
    if [ "$got" != "$verdict" ]; then
        echo "FAIL: expected $verdict from: $*"
        sed 's/^/    /' "$work/out"
        n_bad=$((n_bad + 1))
    elif ! grep -qF -- "$word" "$work/out" && [ -n "$word" ]; then
        echo "FAIL: \"$word\" is not said by: $*"
        sed 's/^/    /' "$work/out"
        n_bad=$((n_bad + 1))
    fi
}

# sample FOLDER LINE...: a tree with one source file of these lines.
sample() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/$1"
    file=$work/tree/$1/sample.c
    shift
    printf '%s\n' "$@" > "$file"
}

layers() { expect "$1" "$2" sh "$here/check-layers.sh" "$work/tree"; }
banned() { expect "$1" "$2" sh "$here/check-banned.sh" "$work/tree"; }

# --- layers
sample scheduler '#include "config.h"' '#include "scheduler/place.h"' '#include "model/id.h"' \
    '#include "base/err.h"' '#include <string.h>'
layers pass ""
sample scheduler '#include "db/store_vm.h"'
layers fail "sample.c:1: scheduler may not include db"
sample scheduler '#include "config.h"' ' #  include "ha/ha.h"'
layers fail "sample.c:2: scheduler may not include ha"
sample common/base '#include "model/id.h"'
layers fail "common/base may not include common/model"
sample common/model '#include "agentproto/msg.h"'
layers fail "common/model may not include agentproto"
sample agent '#include "scheduler/place.h"'
layers fail "agent may not include scheduler"
sample db '#include "store_vm.h"'
layers fail "folder/file.h"
sample db '#include "wire/msg.h"'
layers fail "folder/file.h"
sample controller '#include <libvirt/libvirt.h>'
layers fail "only for agent"
sample controller '#include "scheduler/place.h"' '#include "api/ops.h"' '#include "db/db.h"'
layers pass ""
sample unheard '#include "base/err.h"'
layers fail "does not name the folder unheard"
rm -rf "$work/tree" && mkdir "$work/tree"
layers fail "no C files"

# --- banned
sample common/base 'int x = my_time(3) + localtime_r(a, b) + a->time(1) + a.system(2);' \
    '/* strcpy(a, b) */ // sprintf(a)' '/* over lines' ' * rand() */ call("popen(x) \" system(y)");' \
    "    c == '\"' ? f(\"sleep(\") : g('x');" 'now = time(NULL); /* allowed: a sample */'
banned pass ""
# shellcheck disable=SC2013 # one word a line
for name in $(sed -n 's/^\([a-z_]*\)[ ].*/\1/p' "$here/banned"); do
    sample common/base 'void f(void)' '{' "    return $name (x);" '}'
    banned fail "sample.c:3: $name is banned"
done
sample common/base '/* a */ x = rand(); /* b */'
banned fail "rand is banned"
sample common/base '/* a' ' b */ x = rand();'
banned fail "sample.c:2: rand is banned"
sample common/base 'x = rand(); /* allowed: */'
banned fail "rand is banned"
rm -rf "$work/tree" && mkdir "$work/tree"
banned fail "no C files"

# --- purity
# archive NAME TEXT: an archive of one object with this source.
archive() {
    printf '%s\n' "$2" > "$work/$1.c"
    # shellcheck disable=SC2086 # CC may have arguments
    (cd "$work" && ${CC:-cc} -c -o "$1.o" "$1.c" && ${AR:-ar} cr "lib$1.a" "$1.o")
}
purity() {
    verdict=$1 word=$2
    shift 2
    expect "$verdict" "$word" sh "$here/check-purity.sh" "$@"
}
archive pure 'int strcmp(const char *, const char *); int p(const char *a) { return strcmp(a, "x"); }'
archive user 'int p(const char *); int u(void) { return p("x"); }'
archive clock 'long clock_now_ms(void); long c(void) { return clock_now_ms(); }'
archive io 'int open(const char *, int); int o(void) { return open("x", 0); }'
archive iter 'void g_hash_table_iter_init(void *, void *); void i(void) { g_hash_table_iter_init(0, 0); }'
purity pass "" "$work/libpure.a"
purity pass "" "$work/libpure.a" "$work/libuser.a"
purity fail "p is not pure" "$work/libuser.a" "$work/libio.a"
purity fail "clock_now_ms is not pure (tests/purity.allow), needed by libclock.a(clock.o)" \
    "$work/libpure.a" "$work/libclock.a"
purity fail "open is not pure" "$work/libio.a"
purity fail "g_hash_table_iter_init is not pure" "$work/libiter.a"
purity fail "missing.a" "$work/missing.a"
PURE_ARCHIVES='' purity fail "PURE_ARCHIVES"

[ "$n_bad" -eq 0 ] && echo "all checks can fail"
exit "$((n_bad > 0))"
