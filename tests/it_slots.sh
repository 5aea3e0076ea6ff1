#!/bin/sh
# it_slots.sh - runs it_slots beside a real etcd.
exec /bin/sh "${srcdir:-.}/tests/with-etcd.sh" "${builddir:-.}/tests/it_slots"
