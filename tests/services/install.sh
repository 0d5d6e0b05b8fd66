#!/usr/bin/env bash
# Debian packages that the tests use for real: PostgreSQL (binaries only, tests make their own clusters), nginx, node, openssl,
# systemd's unit checker, SoftHSM as a PKCS #11 token, and Go with the packages note and tlog of its checksum database
# (golang.org/x/mod/sumdb).
# Installs what is missing, as root or through sudo; says what to do where it cannot.
set -euo pipefail

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
have_sumdb() { command -v go >/dev/null && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]; }
have_nginx() { [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null; }

missing=()
have_postgres || missing+=(postgresql)
have_nginx || missing+=(nginx-light)
command -v npm >/dev/null || missing+=(nodejs npm)
have_sumdb || missing+=(golang-go golang-golang-x-mod-dev)
command -v openssl >/dev/null || missing+=(openssl)
command -v softhsm2-util >/dev/null || missing+=(softhsm2)
command -v systemd-analyze >/dev/null || missing+=(systemd)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "services: current"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo --non-interactive env); else as_root=(env); fi
if ! command -v apt-get >/dev/null; then
  echo "services: please install: ${missing[*]} (this script only knows apt-get)" >&2
  exit 1
fi

# Neither a cluster nor a web server is started by the packages: the tests start their own on free ports.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  made_policy=yes
fi
cleanup() { if [ "$made_policy" = yes ]; then "${as_root[@]}" rm -f "$policy"; fi; }
trap cleanup EXIT

export_frontend=(DEBIAN_FRONTEND=noninteractive)
"${as_root[@]}" "${export_frontend[@]}" apt-get update -qq
"${as_root[@]}" "${export_frontend[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

have_postgres && have_nginx && have_sumdb || { echo "services: still missing after install: ${missing[*]}" >&2; exit 1; }
echo "services: installed ${missing[*]}"
