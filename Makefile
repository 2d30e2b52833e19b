# make demo   a day of a small shop through the whole pipeline; KEEP=1 keeps it up afterwards
# make test   everything, unit to end-to-end, on the real parts; SEED=n|random for other random cases
# make bench  CPU per event of ingest and each stage, beside bare loops; BENCH_EVENTS=n ONE=stages|loader|ingest|identity
# make fuzz   a fuzzer led by coverage at ingest; FUZZ_SECONDS=n, 60 by default
# make load   3,000 events/s to ClickHouse: latency, CPU per event; LOAD_RATE=n LOAD_SECONDS=n LOAD_WARM_UP=n JSON=1
# make faults crashes, zombies, dead parts, a bad network, scaling; ONE=name QUICK=1 SHARDS=2; 80 minutes
# make lint   formatting and clippy, warnings are errors
# make e2e    the end-to-end tests alone; ONE=name runs those with this in their name
# make client the tests of the JavaScript client alone

SHELL := /bin/sh
CARGO ?= cargo
ONE ?=
FUZZ_SECONDS ?= 60
export ONE FUZZ_SECONDS
# In debug builds the crash points are in, so that tests and faults share one build; in no release. So are
# transformations, as in the image; the default build has none, for VRL takes minutes.
FEATURES = --features waybill/crashpoints,waybill/transformations
# Property tests try the same cases in each run, so that what fails is the change. `cargo test` by itself
# tries others each time.
SEED ?= 20261126
ifneq ($(SEED),random)
export PROPTEST_RNG_SEED = $(SEED)
endif
say = @printf '==> %s\n'

.DEFAULT_GOAL := help
.PHONY: help prerequisites build demo test side-by-side unit crate-tests warehouse-tests client senders e2e first-flow second-flow faults quick-faults bench fuzz load lint

help:
	@sed -n 's/^# make/make/p' Makefile

prerequisites:
	$(say) "what this machine needs: build tools, Rust, Java, Maven, Node"
	@deploy/install-prerequisites.sh

build: prerequisites
	$(say) "building waybill and the demo (the first time takes minutes)"
	@$(CARGO) build --locked -p waybill -p waybill-tests --bins $(FEATURES)

demo: build
	$(say) "the demo"
	@"$${CARGO_TARGET_DIR:-target}/debug/demo"

test: side-by-side e2e quick-faults

# What needs neither the other's parts nor all of the machine; their lines mix.
side-by-side: prerequisites
	@$(MAKE) --no-print-directory --jobs=3 crate-tests warehouse-tests client

unit: crate-tests warehouse-tests

crate-tests: prerequisites
	$(say) "tests of every crate, on real parts where they need them"
	@$(CARGO) test --locked --workspace --exclude waybill-tests --exclude warehouse $(FEATURES)
	@$(CARGO) test --locked -p transformation
	$(say) "tests of the architecture"
	@$(CARGO) test --locked -p waybill-tests --features crashpoints --lib --bins $(ARCHITECTURE)

# They wait for ClickHouse most of the time. The binary is named for its features: with others, most of
# what the crate stands on would be compiled once more.
warehouse-tests: prerequisites
	$(say) "tests of the warehouse, on a real ClickHouse"
	@$(CARGO) test --locked -p warehouse -p waybill $(FEATURES) --lib $(WAREHOUSE)

WAREHOUSE = $(patsubst crates/warehouse/tests/%,--test %,$(wildcard crates/warehouse/tests/*))

# Every test target of tests/ but e2e, which needs the binary and runs alone.
ARCHITECTURE = $(patsubst tests/tests/%.rs,--test %,$(wildcard tests/tests/*.rs))

# What real senders need: SDKs for browsers a browser, a producer in Python its packages.
senders:
	@deploy/install-prerequisites.sh chromium python3-venv

client: prerequisites
	$(say) "the JavaScript client: types, unit tests, size"
	@cd clients/javascript && npm ci --prefer-offline --no-audit --no-fund --loglevel=error && npm test

fuzz: prerequisites
	$(say) "building the fuzzer (with its instrumentation, minutes the first time)"
	@tests/fuzz/run.sh

# The tests of one flow run one after the other and wait most of the time. So two flows of their own run side
# by side: the first has the modules that are named here, the second all others, and a
# warehouse of two shards; their lines mix.
FIRST_FLOW = auditor bad_input breaker business_keys clients delivery dependencies erase expiry forwarded hours \
	identity spool
E2E = $(CARGO) test --locked -p waybill -p waybill-tests --test e2e $(FEATURES) -- --test-threads=1 --nocapture

e2e: build senders
	$(say) "end-to-end tests: six processes on a real Kafka, registry and ClickHouse"
ifeq ($(ONE),)
	@$(MAKE) --no-print-directory --jobs=2 first-flow second-flow
else
	@$(E2E) $(ONE)
endif

first-flow:
	@$(E2E) $(FIRST_FLOW:%=%::)

second-flow:
	@SHARDS=2 $(E2E) $(FIRST_FLOW:%=--skip %::)

faults: build
	$(say) "faults: each under traffic, with the oracle, the ledger and the auditor"
	@"$${CARGO_TARGET_DIR:-target}/debug/faults"

quick-faults: build
	$(say) "a few faults: make faults runs all of them"
	@QUICK=1 "$${CARGO_TARGET_DIR:-target}/debug/faults"

bench: prerequisites
	$(say) "building for the bench (release)"
	@$(CARGO) build --locked --release -p waybill -p waybill-tests --bin waybill --bin bench
	$(say) "the bench: one stage at a time on the same events"
	@MIMALLOC_PURGE_DELAY=10000 "$${CARGO_TARGET_DIR:-target}/release/bench"

load: prerequisites
	$(say) "building for the load (release)"
	@$(CARGO) build --locked --release -p waybill -p waybill-tests --bin waybill --bin load
	$(say) "the whole flow under a steady load"
	@"$${CARGO_TARGET_DIR:-target}/release/load"

lint: prerequisites
	@$(CARGO) fmt --check
	@$(CARGO) clippy --locked --workspace --all-targets --features waybill/transformations -- -D warnings
	@$(CARGO) clippy --locked -p transformation --all-targets -- -D warnings
