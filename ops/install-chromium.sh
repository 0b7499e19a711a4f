#!/bin/sh
# Installs Chromium for the tests in test/browser, where no browser is on PATH: on Debian and its relatives,
# as root, with apt-get. Elsewhere it changes nothing, says what to do, and ends with 1.
set -eu

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null 2>&1; then
    exit 0
  fi
done

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "The browser tests need Chromium on PATH (chromium, chromium-browser or google-chrome): please install it." >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium fonts-liberation
