#!/bin/sh
# Installs what PATH lacks: `chromium` (for test/browser), `nats-server` and `redis-server` (for `npm run cluster` and
# the tests of clusters), `ceph-mon`, `ceph-osd` and `radosgw` (the S3 server of the tests). On Debian and its relatives,
# as root, with apt-get, and without starting a service. Elsewhere it changes nothing, says what to do, and ends with 1.
set -eu

on_path() {
  for command in "$@"; do
    if command -v "$command" >/dev/null 2>&1; then
      return 0
    fi
  done
  return 1
}

missing=''
hint=''
for name in "$@"; do
  case "$name" in
    chromium)
      on_path chromium chromium-browser google-chrome && continue
      missing="$missing chromium fonts-liberation"
      hint="$hint; Chromium (chromium, chromium-browser or google-chrome) for the browser tests"
      ;;
    nats-server | redis-server)
      on_path "$name" && continue
      missing="$missing $name"
      hint="$hint; $name for clusters"
      ;;
    ceph-mon | ceph-osd | radosgw)
      on_path "$name" && continue
      missing="$missing $name"
      hint="$hint; $name for the tests of S3"
      ;;
    *)
      echo "usage: $0 [ceph-mon] [ceph-osd] [chromium] [nats-server] [radosgw] [redis-server]" >&2
      exit 2
      ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "Missing on PATH:${hint#;}. Please install it." >&2
  exit 1
fi

# apt-get does not wait for another one: several test runs may be here at once, and the later ones find it done.
if [ -z "${INSTALLING:-}" ]; then
  INSTALLING=1
  export INSTALLING
  exec flock /run/lock/suhbat-install "$0" "$@"
fi

# A service that starts by itself would hold a port that is not ours: runlevel 1 keeps it down.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
# shellcheck disable=SC2086 # package names, one word each
apt-get install -y -qq --no-install-recommends $missing
