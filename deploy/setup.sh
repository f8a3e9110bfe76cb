# Sourced by run, test and console: what the machine lacks, and one build at a time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
configuration=Release

say() { printf '%s\n' "$*" >&2; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# install PACKAGE…: Debian packages, with one update of the list.
install() {
  command -v apt-get >/dev/null || { say "Missing: $*. Install them with this system's package tool."; exit 1; }
  say "Installing $*"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_dotnet() {
  command -v dotnet >/dev/null || { say "The .NET SDK 10 is missing; see https://dotnet.microsoft.com/download"; exit 1; }
}

need_postgres() {
  ls -d /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && command -v pg_dump >/dev/null && command -v runuser >/dev/null && return
  # Debian's package would start a server of its own; ours is all that is wanted.
  as_root mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || printf 'create_main_cluster = false\n' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  install postgresql util-linux
}

need_npm_packages() {
  [ -f "$root/wwwroot-assets/node_modules/uplot/dist/uPlot.iife.min.js" ] && [ -f "$root/wwwroot-assets/node_modules/@microsoft/signalr/dist/browser/signalr.min.js" ] && return
  command -v npm >/dev/null || install nodejs npm
  (cd "$root/wwwroot-assets" && npm ci --silent --no-audit --no-fund >&2)
}

# build PROJECT…: several starts at once take turns.
build() {
  mkdir -p "$root/.data"
  exec 9>"$root/.data/build.lock"
  flock 9
  need_npm_packages
  for project in "$@"; do
    dotnet build "$root/$project" -c "$configuration" -v quiet --nologo >"$root/.data/build.log" 2>&1 || { cat "$root/.data/build.log" >&2; exit 1; }
  done
  flock -u 9
  exec 9>&-
}
