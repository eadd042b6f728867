#!/bin/sh
# Installs librsb, whose CSR product `npm run bench:figure1` times, on Debian and Ubuntu. Needs root.
set -eu
if ! command -v apt-get >/dev/null; then
  echo 'no apt-get here: build librsb from https://librsb.sourceforge.net and put librsb.so where the loader finds it' >&2
  exit 1
fi
apt-get install -y --no-install-recommends librsb0
