#!/usr/bin/env bash
# Installs Debian's Chromium (and a font), which the tests of reports and pages need; without it they are skipped.
# Run as root on Debian or Ubuntu; elsewhere point CHROMIUM_PATH at any Chromium or Chrome.
set -euo pipefail
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
