# `make demo`, `make test` and `make bench` install what is missing and build the release preset first.
BUILD = build/release
RUN  ?= runs/demo
TOOL  = $(BUILD)/apps/spiraltorch
BENCH ?= benchmarks/results.json
JOBS ?= $(shell nproc)

help:
	@echo 'make demo   get MNIST, train a network on it and evaluate it; what it makes is in $(RUN)'
	@echo 'make test   build and run all tests'
	@echo 'make bench  compare with PyTorch, case by case; the figures go to $(BENCH)'
	@echo 'make sanitize   the tests under AddressSanitizer and UndefinedBehaviorSanitizer, then under ThreadSanitizer'
	@echo 'make clang      build and run all tests with clang 14'
	@echo 'make onednn3    the tests that reach oneDNN, with oneDNN 3.2 from PyPI (scripts/onednn3)'
	@echo 'make fuzz       30 seconds of every fuzz target (scripts/fuzz NAME -runs=1000000 for more)'
	@echo 'make tidy       clang-tidy over the library and the tool'
	@echo 'make check  format, include order, file sizes (scripts/check full)'
	@echo 'make parity runs PyTorch'"'"'s own cases against the library (ARGS="--op add --verbose"); see tests/parity/README.md'
	@echo 'make build  install what is missing, configure and build (the first three do this themselves)'

build:
	@scripts/install-deps
	@cmake --preset release --log-level=WARNING $(CONFIGURE)
	@cmake --build --preset release --parallel $(JOBS)

demo:
	@scripts/install-deps
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release --parallel $(JOBS) --target spiraltorch_tool
	@scripts/get-data mnist
	@$(TOOL) train --data mnist --out $(RUN) --overwrite
	@$(TOOL) evaluate --run $(RUN)

test:
	@scripts/install-deps --tests
	@$(MAKE) --no-print-directory build CONFIGURE=-DSPIRALTORCH_TEST_FUZZ=ON
	@ctest --preset release --parallel $(JOBS)

bench:
	@scripts/install-deps libbenchmark-dev python3-venv
	@$(MAKE) --no-print-directory build
	@scripts/bench --out $(BENCH)

check:
	@scripts/check full

parity:
	@scripts/install-deps python3-venv
	@JOBS=$(JOBS) scripts/parity $(ARGS)

# What takes long: each builds a preset of its own. Of them `make test` has the fuzz targets alone.
tested = cmake --preset $(1) --log-level=WARNING && cmake --build --preset $(1) --parallel $(JOBS) && \
         ctest --preset $(1) --parallel $(JOBS)

sanitize:
	@scripts/install-deps
	@$(call tested,asan)
	@$(call tested,tsan)

clang-tools:
	@scripts/install-deps
	@scripts/install-deps clang-14 clang-tidy-14 libclang-rt-14-dev
clang: clang-tools
	@$(call tested,clang)
fuzz: clang-tools
	@scripts/fuzz all
tidy: clang-tools
	@scripts/tidy

onednn3:
	@scripts/install-deps
	@scripts/install-deps python3-pip
	@JOBS=$(JOBS) scripts/onednn3

.PHONY: help build demo test bench check parity sanitize clang-tools clang fuzz tidy onednn3
