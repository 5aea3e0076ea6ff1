#!/bin/sh
# it_etcd.sh - runs it_etcd beside a real etcd.
exec /bin/sh "${srcdir:-.}/tests/with-etcd.sh" "${builddir:-.}/tests/it_etcd"
