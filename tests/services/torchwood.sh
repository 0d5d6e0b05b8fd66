#!/usr/bin/env bash
# litewitness, an independent witness, for tests/interop/test_litewitness.py: Debian's package torchwood (testing or unstable).
# Unpacked into .cache/torchwood, nothing is installed. Only `make soak-long` needs it.
set -euo pipefail

cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/state/lists/partial "$work"/cache/archives/partial .cache
sources=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)
site=$(grep -v '^#' <<<"$sources" | grep -oE 'https?://[^ ]+/debian\b' | sed -n 1p || true)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${site:?no Debian mirror configured} sid main" >"$work/sources.list"
cat >"$work/apt.conf" <<EOF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$work/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$work/cache";
EOF
export APT_CONFIG="$work/apt.conf"
apt-get update -qq
(cd "$work" && apt-get download -qq torchwood)
rm -rf .cache/torchwood
dpkg-deb -x "$work"/torchwood_*.deb .cache/torchwood
echo "torchwood: $(dpkg-deb -f "$work"/torchwood_*.deb Version)"
