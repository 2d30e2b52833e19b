#!/bin/sh
# Lets libFuzzer look for requests with which ingest breaks a promise, for FUZZ_SECONDS; needs a C++
# compiler. What it learns stays in target/fuzz-corpus and is used the next time.
#   tests/fuzz/run.sh          looks
#   tests/fuzz/run.sh FILE     tries what was found once more
set -eu
cd "$(dirname "$0")/../.."

seconds=${FUZZ_SECONDS:-60}
target=${CARGO_TARGET_DIR:-target}
host=$(rustc -vV | sed -n 's/^host: //p')
corpus=$target/fuzz-corpus
found=$target/fuzz-found
log=$target/fuzz.log

# The instrumentation that libFuzzer works with; of stable Rust, so without a sanitizer. With
# --target the flags are for the code under test alone, not for build scripts and macros.
RUSTFLAGS="-Cpasses=sancov-module
 -Cllvm-args=-sanitizer-coverage-level=4
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
 -Cllvm-args=-sanitizer-coverage-pc-table
 -Cllvm-args=-sanitizer-coverage-trace-compares" \
    "${CARGO:-cargo}" build --locked --profile fuzz --target "$host" \
    --package waybill-fuzz --bin fuzz-ingest --features libfuzzer
fuzzer=$target/$host/fuzz/fuzz-ingest

if [ $# -gt 0 ]; then
    exec "$fuzzer" "$@"
fi
mkdir -p "$corpus" "$found"
echo "ingest: requests led by coverage, for $seconds s"
if ! SEEDS=$corpus "$fuzzer" "$corpus" -max_total_time="$seconds" -max_len=8192 -timeout=20 \
    -rss_limit_mb=2048 -dict=tests/fuzz/json.dict -artifact_prefix="$found/" \
    -print_final_stats=1 >"$log" 2>&1; then
    grep -A 1 'panicked at' "$log" || tail -n 20 "$log"
    echo "a promise is broken; to try it once more: tests/fuzz/run.sh FILE, with one of" >&2
    ls "$found"/* >&2
    exit 1
fi
# Such as `#9000 DONE cov: 8000 ft: 20000 corp: 1500/700Kb exec/s: 150`.
sed -n 's/.*INITED *cov: \([0-9]*\) ft: \([0-9]*\) corp: \([0-9]*\).*/begin: \1 edges, \2 features, \3 requests/p' "$log"
sed -n 's/.*DONE *cov: \([0-9]*\) ft: \([0-9]*\) corp: \([0-9]*\).*/end:   \1 edges, \2 features, \3 requests/p' "$log"
sed -n 's/^stat::number_of_executed_units: */sent:  /p; s/^stat::average_exec_per_sec: */per second: /p' "$log"
