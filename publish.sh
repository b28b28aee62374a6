#!/bin/sh
# Publishes mlp as one self-contained native file: artifacts/publish/mlp.
#   ./publish.sh            says what is missing on this machine, and stops
#   ./publish.sh --install  installs it by apt-get first (as does CI=1)
set -eu
root=$(dirname -- "$(readlink -f -- "$0")")
out=$root/artifacts/publish
install=${CI:+yes}
for argument in "$@"; do
    case $argument in
        --install) install=yes ;;
        -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "publish.sh: unknown option $argument; there is --install" >&2; exit 2 ;;
    esac
done

missing=
command -v clang >/dev/null 2>&1 || missing="$missing clang"
[ -e /usr/include/zlib.h ] || missing="$missing zlib1g-dev"
if [ -n "$missing" ]; then
    if [ -z "$install" ]; then
        echo "publish.sh: a native build needs$missing; run: apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
    apt-get install -y --no-install-recommends $missing >/dev/null
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
mkdir -p "$root/artifacts"
log=$root/artifacts/publish.log
dotnet publish "$root/src/MLPlatform.Cli" -c Release -r "linux-$(uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')" \
    -p:PublishAot=true -o "$out.new" -v q --nologo </dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
# MLPlatform.Cli.csproj lets these two warnings pass, for FASTER's serializer of objects and what that uses, which we never call.
foreign=$(grep -E 'warning IL(2104|3053)' "$log" | grep -vE "Assembly '(FASTER\.core|System\.Private\.DataContractSerialization)'" || true)
if [ -n "$foreign" ]; then
    printf '%s\n' "$foreign" "publish.sh: this assembly must be safe for trimming and NativeAOT" >&2
    exit 1
fi
mkdir -p "$out"
mv -f "$out.new/mlp" "$out/mlp"
# Symbols beside it, for profiles and core dumps; the program does not need them.
if [ -e "$out.new/mlp.dbg" ]; then mv -f "$out.new/mlp.dbg" "$out/mlp.dbg"; fi
rm -rf "$out.new"
echo "$out/mlp"
