#!/usr/bin/env bash
# Builds everything and runs the tests. Ends with the line "N passed, N failed".
#
#   ./test.sh               what a change needs; tests whose servers are not installed are skipped aloud
#   ./test.sh --install     installs those servers first (Debian packages; CI=1 does the same)
#   ./test.sh --full        the long forms as well, and the unit tests in Debug too
#   ./test.sh --published   the published NativeAOT binary under the mount tests as well (CI=1 does the same)
#   ./test.sh --unit        unit tests only
#   ./test.sh --filter X    only tests whose full name contains X
set -euo pipefail
cd "$(dirname "$0")"

install=0 full=0 published=0 unit_only=0 filter=
case "${CI:-}" in ""|0|false) ;; *) install=1 published=1 ;; esac
while [ $# -gt 0 ]; do
  case "$1" in
    --install) install=1 ;;
    --full) full=1 published=1 ;;
    --published) published=1 ;;
    --unit) unit_only=1 ;;
    --filter) filter=${2:?--filter needs a name}; shift ;;
    -h|--help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown option $1; see ./test.sh --help" >&2; exit 2 ;;
  esac
  shift
done

# What the tests use beyond the .NET SDK: a real S3 server, FUSE's helper, load generators, real data, and NativeAOT's linker.
packages="radosgw ceph-mon ceph-osd ceph-common fuse3 fio rsync attr python3 openclipart-png dataset-fashion-mnist clang zlib1g-dev curl"
missing= installing=
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ $install = 1 ]; then
    # Fetching waits for the network and building for the processor, so they run side by side.
    echo "installing:$missing"
    install_packages() {
      local sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
      $sudo apt-get update -qq
      $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    }
    install_packages &
    installing=$!
  else
    echo "NOT INSTALLED:$missing"
    echo "  tests that need them are skipped; to run them:  ./test.sh --install"
  fi
fi

results=$(mktemp -d)
trap 'rm -rf "$results"; servers' EXIT
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MLP_TEST_FULL=$full
[ $full = 0 ] || export MLP_FUZZ_ROUNDS=60000
status=0

# Waits until what was missing is installed.
servers() {
  local job=$installing
  installing=
  [ -z "$job" ] || wait "$job" || { echo "test.sh: the packages could not be installed" >&2; exit 1; }
}

build() { dotnet build MLPlatform.sln -c "$1" -v quiet --nologo; }

run() { # name, project, configuration, test filter
  local name=$1 project=$2 configuration=$3 which=${4:-}
  [ -z "$filter" ] || which="${which:+$which&}FullyQualifiedName~$filter"
  echo "== $name"
  dotnet test "$project" -c "$configuration" --no-build --nologo \
    --logger "trx;LogFileName=$results/$name.trx" --logger "console;verbosity=minimal" \
    ${which:+--filter "$which"} || status=1
}

build Release
servers
run unit tests/MLPlatform.Tests Release
if [ $full = 1 ]; then
  build Debug
  run unit-debug tests/MLPlatform.Tests Debug
fi
if [ $unit_only = 0 ]; then
  if [ -z "$filter" ]; then
    echo "== allocation gate"
    dotnet run --project bench/MLPlatform.Bench -c Release --no-build -- allocations || status=1
  fi
  # What reads real data for minutes runs once: on the published binary where there is one.
  run mount tests/MLPlatform.MountTests Release "$([ $published = 0 ] || echo 'Bulk!=true')"
  if [ $published = 1 ]; then
    ./publish.sh
    MLP_BINARY=$PWD/artifacts/publish/mlp run published tests/MLPlatform.MountTests Release "Published=true"
  fi
fi

# Every skip is either known and reasoned (tests/skips.allowed) or a failure of CI.
outcomes() { cat "$results"/*.trx 2>/dev/null | grep -oE '<UnitTestResult [^>]*' | grep "outcome=\"$1\"" | sed -E 's/.*testName="([^"]*)".*/\1/' || true; } # None is no failure.
skipped=$(outcomes NotExecuted | sort -u)
if [ -n "$skipped" ]; then
  echo "skipped:"
  echo "$skipped" | sed 's/^/  /'
  if [ -n "${CI:-}" ]; then
    unknown=$(echo "$skipped" | grep -vxFf <(grep -v '^#' tests/skips.allowed) || true)
    if [ -n "$unknown" ]; then
      echo "skipped without leave (tests/skips.allowed):"; echo "$unknown" | sed 's/^/  /'
      status=1
    fi
  fi
fi
passed=$(outcomes Passed | wc -l)
failed=$(outcomes Failed | wc -l)
[ $failed -gt 0 ] || [ $status = 0 ] || failed=1
[ "$passed" -gt 0 ] || status=1
echo "$passed passed, $failed failed"
exit $status
