#!/bin/sh
# it_hald.sh - runs it_hald beside a real etcd.
exec /bin/sh "${srcdir:-.}/tests/with-etcd.sh" "${builddir:-.}/tests/it_hald"
