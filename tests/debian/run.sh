#!/usr/bin/env bash
# Runs the README's two commands as a newcomer on a bare Debian 13 (Python 3.13): a root of
# packages alone, made once by debootstrap, a fresh clone of HEAD in it, no service, no cache.
#
#   tests/debian/run.sh            make demo, then make test
#   tests/debian/run.sh --short    make demo, then the tests that start no servers
#
# Needs root, debootstrap and the package registries. What it mounts is in a namespace of its own
# and goes with it; the clone is removed, the root stays in .cache/debian for the next time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

SUITE=trixie
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
# What the README asks for, and what a minimal root lacks to reach the registries.
PACKAGES=ca-certificates,git,make,python3,python3-venv
ROOT=$PWD/.cache/debian/$SUITE

second_command="make test"
case "${1:-}" in
  "") ;;
  --short) second_command=".venv/bin/pytest -q -m 'not integration and not worlds' --ignore=tests/scenarios --numprocesses auto --maxprocesses 4 --dist loadfile" ;;
  *) echo >&2 "usage: tests/debian/run.sh [--short]"; exit 2 ;;
esac
[ "$(id -u)" -eq 0 ] || { echo >&2 "tests/debian/run.sh: needs root, for chroot"; exit 1; }
command -v debootstrap > /dev/null || { echo >&2 "tests/debian/run.sh: needs debootstrap"; exit 1; }

if [ ! -e "$ROOT/.complete" ]; then
  rm -rf "$ROOT"
  mkdir -p "$ROOT"
  debootstrap --variant=minbase --include=$PACKAGES $SUITE "$ROOT" "$MIRROR" > "$ROOT.log" 2>&1 \
    || { tail -n 20 "$ROOT.log" >&2; exit 1; }
  touch "$ROOT/.complete"
fi

clone=$(mktemp -d "$ROOT/srv/skyfence.XXXXXX")
trap 'rm -rf "$clone"' EXIT
git clone --quiet --no-hardlinks . "$clone/skyfence"
cp --dereference /etc/resolv.conf "$ROOT/etc/resolv.conf"
# Whatever certificates this machine trusts on its way to the registries.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/ca-certificates.crt"
fi

# shellcheck disable=SC2016 # expanded inside
unshare --mount --fork --kill-child bash -c '
  set -e
  root=$1 inside=$2 second_command=$3
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin ${CI:+CI="$CI"} \
    ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    bash -ec "cd \"$inside\"; python3 --version; make demo; $second_command"
' bash "$ROOT" "${clone#"$ROOT"}/skyfence" "$second_command"
