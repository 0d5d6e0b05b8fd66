#!/usr/bin/env bash
# A program that Debian has in a newer suite than this machine: `debian_program.sh torchwood sid` (litewitness, an independent
# witness), `debian_program.sh cosign trixie`. Unpacked into .cache/PACKAGE, nothing is installed. Only `make soak-long` needs it.
set -euo pipefail

package=$1 suite=$2
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/state/lists/partial "$work"/cache/archives/partial .cache
sources=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)
site=$(grep -v '^#' <<<"$sources" | grep -oE 'https?://[^ ]+/debian\b' | sed -n 1p || true)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${site:?no Debian mirror configured} $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$work/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$work/cache";
CONF
export APT_CONFIG="$work/apt.conf"
apt-get update -qq
(cd "$work" && apt-get download -qq "$package")
rm -rf ".cache/$package"
dpkg-deb -x "$work/$package"_*.deb ".cache/$package"
echo "$package: $(dpkg-deb -f "$work/$package"_*.deb Version)"
