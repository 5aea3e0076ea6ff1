#!/bin/sh
# it_deputy.sh - runs it_deputy beside a real etcd.
exec /bin/sh "${srcdir:-.}/tests/with-etcd.sh" "${builddir:-.}/tests/it_deputy"
