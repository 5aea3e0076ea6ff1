#!/bin/sh
# it_rights.sh - runs it_rights beside a real etcd.
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60}
export CK_DEFAULT_TIMEOUT
exec /bin/sh "${srcdir:-.}/tests/with-etcd.sh" "${builddir:-.}/tests/it_rights"
