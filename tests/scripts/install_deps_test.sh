#!/usr/bin/env bash
# scripts/install-deps on machines of ours: false dpkg-query, apt-cache, apt-get and sudo that write down what they are asked.
set -euo pipefail
install_deps=$(cd "$(dirname "$0")/../.." && pwd)/scripts/install-deps
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH=$work:$PATH WORK=$work
tool() { printf '#!/usr/bin/env bash\n%s\n' "$2" >"$work/$1"; chmod +x "$work/$1"; }
tool dpkg-query '[[ -e $WORK/lacks && " $(cat "$WORK/lacks") " == *" ${@: -1} "* ]] || printf installed'
tool apt-cache 'if [[ -e $WORK/offers ]]; then echo "  Candidate: 1:14.0"; else echo "  Candidate: (none)"; fi'
tool apt-get 'echo "apt-get $*" >>"$WORK/calls"; [[ ! -e $WORK/offline ]]'
tool sudo 'echo sudo >>"$WORK/calls"; [[ $1 == -n ]] && shift; exec "$@"'

# asked LACKS CALLS ARGUMENTS...: where the packages LACKS are missing, these are the calls of apt-get.
asked() {
  printf '%s' "$1" >"$work/lacks"
  : >"$work/calls"
  "$install_deps" "${@:3}" >"$work/out" 2>&1 || echo "exit $?" >>"$work/calls"
  if [[ $(grep -v '^sudo$' "$work/calls" || true) != "$2" ]]; then
    printf 'with [%s] missing it should ask\n%s\nit asked\n%s\nand said\n' "$1" "$2" "$(cat "$work/calls")"
    cat "$work/out"
    exit 1
  fi
}
update='apt-get update -qq'
install='apt-get install -y -qq --no-install-recommends'

asked '' ''
[[ ! -s $work/out ]] || { echo 'nothing is missing, but it said:'; cat "$work/out"; exit 1; }
asked 'cmake libhwy-dev' "$update"$'\n'"$install cmake libhwy-dev"
grep -q 'apt-get install cmake libhwy-dev' "$work/out"
if ((EUID == 0)); then ! grep -q sudo "$work/calls"; else grep -q sudo "$work/calls"; fi
asked 'clang-format-14' ''                                     # not offered here: left alone
touch "$work/offers"
asked 'clang-format-14' "$install clang-format-14"
asked 'clang-14' '' # nobody asked for it
asked 'clang-14' "$install clang-14" --tests
asked 'cmake npm' "$update"$'\n'"$install npm" npm             # what is named, and nothing else
touch "$work/offline"
asked 'cmake' "$update"$'\nexit 1'
grep -q 'is there a network' "$work/out"
asked 'clang-format-14' "$install clang-format-14"              # wished for, not needed: goes on
echo "install-deps: all as it should be"
