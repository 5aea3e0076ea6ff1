#!/bin/sh
# test_certs.sh - deploy/certs makes what GnuTLS, libvirt and QEMU accept, and destroys nothing.
set -eu

certs=${srcdir:-.}/deploy/certs
command -v openssl >/dev/null || {
    echo "no openssl: apt-get install openssl" >&2
    [ "${VRM_REQUIRE_ALL:-0}" = 1 ] && exit 1
    exit 77
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/vrm-certs.XXXXXX")
trap 'rm -rf "$dir"' EXIT

fail()
{
    echo "FAIL: $*" >&2
    exit 1
}

# refused TEXT COMMAND... - the command must fail with TEXT in its message, its status in $status.
refused()
{
    text=$1
    shift
    status=0
    message=$("$@" 2>&1) || status=$?
    [ "$status" -ne 0 ] || fail "$* succeeded"
    case $message in
    *"$text"*) ;;
    *) fail "$*: expected '$text' in: $message" ;;
    esac
}

has()
{
    openssl x509 -in "$1" -noout -text | grep -q "$2" || fail "$1 lacks '$2'"
}

refused "no authority" "$certs" host "$dir" h1 10.0.0.1
"$certs" ca "$dir"
"$certs" host "$dir" h1 10.0.0.1 fd00::1 h1.lab
"$certs" controller "$dir" vrm1 127.0.0.1 localhost

for cert in "$dir/h1/server-cert.pem" "$dir/h1/client-cert.pem" "$dir/vrm1.pem"; do
    openssl verify -CAfile "$dir/ca.pem" -purpose sslserver "$cert" >/dev/null || fail "$cert: server"
    openssl verify -CAfile "$dir/ca.pem" -purpose sslclient "$cert" >/dev/null || fail "$cert: client"
    has "$cert" 'Digital Signature, Key Encipherment'
    has "$cert" 'Public-Key: (2048 bit)'
done
has "$dir/h1/server-cert.pem" 'IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1, DNS:h1.lab'
has "$dir/h1/server-cert.pem" 'Subject: .*OU = VRM host, CN = h1'
has "$dir/vrm1.pem" 'Subject: .*OU = VRM controller, CN = vrm1'
cmp "$dir/ca.pem" "$dir/h1/ca-cert.pem"
for key in "$dir/ca-key.pem" "$dir/vrm1-key.pem" "$dir/h1/server-key.pem" "$dir/h1/client-key.pem"; do
    [ "$(stat -c %a "$key")" = 600 ] || fail "$key may be read by others"
done

# a second run keeps what is there, and says so when that does not fit
sum=$(cat "$dir"/*.pem "$dir"/h1/*.pem | sha256sum)
"$certs" ca "$dir"
"$certs" host "$dir" h1 10.0.0.1 h1.lab
[ "$(cat "$dir"/*.pem "$dir"/h1/*.pem | sha256sum)" = "$sum" ] || fail "a second run changed files"
refused "not valid for 10.0.0.2" "$certs" host "$dir" h1 10.0.0.2
cp "$dir/h1/server-cert.pem" "$dir/h1c.pem"
cp "$dir/h1/server-key.pem" "$dir/h1c-key.pem"
refused "not that of a controller" "$certs" controller "$dir" h1c 10.0.0.1
rm "$dir/h1/client-key.pem"
refused "only 4 of 5 files" "$certs" host "$dir" h1 10.0.0.1
"$certs" --force host "$dir" h1 10.0.0.2
has "$dir/h1/server-cert.pem" 'IP Address:10.0.0.2'

[ "$status" -eq 1 ] || fail "status $status for a failure, want 1"
refused "unknown option '--bogus'" "$certs" --bogus
[ "$status" -eq 2 ] || fail "status $status for wrong usage, want 2"
refused "NAME '../x'" "$certs" host "$dir" ../x 10.0.0.1
refused "own name" "$certs" controller "$dir" ca 10.0.0.1
refused "ADDRESS '10.0.0.256'" "$certs" host "$dir" h2 10.0.0.256
refused "ADDRESS 'a b'" "$certs" host "$dir" h2 "a b"
refused "--days '0'" "$certs" --days 0 ca "$dir"
refused "must be ca, controller or host" "$certs" cluster "$dir" x y
[ ! -e "$dir/h2" ] || fail "a refused host left files"
echo "ok"
