#!/bin/sh
# autogen.sh - makes configure and Makefile.in from a clone.  Then: ./configure && make
set -e
cd "$(dirname "$0")"
exec autoreconf --force --install
