# Sourced by run, test and console: what the machine lacks, and one build at a time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
configuration=Release

say() { printf '%s\n' "$*" >&2; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# One start at a time installs and builds; the others wait their turn and find it done. Child processes never get the lock.
take_turn() { mkdir -p "$root/.data"; exec 9>"$root/.data/setup.lock"; flock 9; }
end_turn() { exec 9>&-; }

# Where data lies when nothing says otherwise: beside the checkout, unless PostgreSQL's account cannot get there (a checkout under /root).
default_data() {
  if [ "$(id -u)" = 0 ] && id postgres >/dev/null 2>&1 && ! runuser -u postgres -- test -x "$root" 2>/dev/null; then
    printf '/var/lib/rollback-console/%s' "$(printf %s "$root" | cksum | cut -d' ' -f1)"
  else
    printf '%s/.data/console' "$root"
  fi
}

# install PACKAGE…: Debian packages, with one update of the list.
install() {
  command -v apt-get >/dev/null || { say "Missing: $*. Install them with this system's package tool."; exit 1; }
  say "Installing $*"
  as_root apt-get update -qq 9>&-
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 9>&-
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
  (cd "$root/wwwroot-assets" && npm ci --silent --no-audit --no-fund >&2 9>&-)
}

# build PROJECT…: no build server is left behind.
build() {
  need_npm_packages
  for project in "$@"; do
    dotnet build "$root/$project" -c "$configuration" -v quiet --nologo -nodeReuse:false -p:UseSharedCompilation=false >"$root/.data/build.log" 2>&1 9>&- || { cat "$root/.data/build.log" >&2; exit 1; }
  done
}
