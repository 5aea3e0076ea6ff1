#!/bin/sh
# it_leader.sh - runs it_leader beside a real etcd.
exec /bin/sh "${srcdir:-.}/tests/with-etcd.sh" "${builddir:-.}/tests/it_leader"
