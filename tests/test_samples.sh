#!/bin/sh
# test_samples.sh - the sample settings are what the programs say today, and the programs take them.
set -eu

top=${srcdir:-.}
bin=${builddir:-.}
dir=$(mktemp -d "${TMPDIR:-/tmp}/vrm-samples.XXXXXX")
trap 'rm -rf "$dir"' EXIT
make_samples=$top/deploy/conf/make-samples

fail()
{
    echo "FAIL: $*" >&2
    exit 1
}

same() # FILE COMMAND...
{
    file=$1
    shift
    "$@" >"$dir/now"
    diff -u "$top/$file" "$dir/now" || fail "$file is old: run make conf-samples"
}

for program in vrmd vrm-agent vrm-hald; do
    sample=$top/deploy/conf/$program.conf
    same "deploy/conf/$program.conf" sh "$make_samples" "$program" "$bin/$program"
    "$bin/$program" --config "$sample" --print-config >"$dir/printed.conf" ||
        fail "$program refuses its sample"
    # Every line that a person may uncomment is a setting that is accepted.
    sed -E 's/^#([a-z_]+ =)/\1/' "$sample" >"$dir/all.conf"
    "$bin/$program" --config "$dir/all.conf" --print-config >/dev/null || fail "a default is refused"
    # What a program prints is, with its secrets put in, a file that it takes, and prints again.
    sed 's|^conninfo = \*\*\*$|conninfo = dbname=vrm|' "$dir/printed.conf" >"$dir/again.conf"
    "$bin/$program" --config "$dir/again.conf" --print-config | cmp - "$dir/printed.conf" ||
        fail "$program: a second print differs"
    # A certificate that is not there is found before it is needed.
    section='(agents|tls)'
    [ $program != vrm-hald ] || section=etcd
    sed -E "/^\[$section\]/,\$ s|^(ca_file =).*|\1 $dir/no-ca.pem|" "$dir/again.conf" >"$dir/lost.conf"
    if "$bin/$program" --config "$dir/lost.conf" --check-config 2>"$dir/said"; then
        fail "$program takes a certificate that is not there"
    fi
    grep -qE "lost.conf:([0-9]+:)? .*ca_file = .*No such file" "$dir/said" ||
        fail "not named: $(cat "$dir/said")"
    # A misspelt key is told with file and line.
    printf '[nowhere]\nkey = 1\n' >"$dir/bad.conf"
    if "$bin/$program" --config "$dir/bad.conf" --check-config 2>"$dir/said"; then
        fail "$program takes an unknown section"
    fi
    grep -q "bad.conf:1:" "$dir/said" || fail "no file and line in: $(cat "$dir/said")"
    # Wrong options and wrong settings are status 2, an end that a person must see to.
    for wrong in --bogus word "--config=$dir/bad.conf"; do
        status=0
        "$bin/$program" "$wrong" >/dev/null 2>&1 || status=$?
        [ "$status" -eq 2 ] || fail "$program $wrong: status $status, want 2"
    done
    [ "$("$bin/$program" -V)" = "$("$bin/$program" --version)" ] || fail "$program -V"
    # A byte order mark is no part of the text.
    printf '\357\273\277' | cat - "$dir/again.conf" >"$dir/marked.conf"
    "$bin/$program" --config "$dir/marked.conf" --print-config | cmp - "$dir/printed.conf" ||
        fail "$program: a byte order mark is not passed over"
done
same docs/configuration.md sh "$make_samples" book "$bin/vrmd" "$bin/vrm-agent" "$bin/vrm-hald"
