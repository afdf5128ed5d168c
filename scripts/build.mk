# SPDX-License-Identifier: GPL-2.0-only
# The makefile of the inside: runs in the Debian root, from the tree's top.

MAKEFLAGS += --no-print-directory
BUILD := $(CURDIR)/build
export BUILD
SERIES := $(shell awk '!/^\#/ && NF == 2 { print $$1 }' scripts/KERNELS)
release = $(shell awk '$$1 == "$(1)" { print $$2 }' /etc/lanes-kernels)
# Directories too: a removed source must rebuild the module.
sources := $(shell find kmod) scripts/kbuild /etc/lanes-kernels
modules := $(SERIES:%=build/%/lanes.ko)

.PHONY: all modules user bpf selftests man demo-parts screenshots-parts debug unit
.PHONY: unit-build plugins address address-build thread thread-build fuzz fuzz-build
all: modules user bpf selftests man

modules: $(modules)

$(modules): build/%/lanes.ko: $(sources)
	@echo "  MODULE  $*"
	@+scripts/kbuild /lib/modules/$(call release,$*)/build build/$* V=$(V) > build/$*.log 2>&1 || \
		{ cat build/$*.log >&2; exit 1; }
	@grep -A12 'warning:' build/$*.log >&2 || :

$(modules) build/debug/lanes.ko: | build
build:
	@mkdir -p $@

# The debug kernel's headers come as DEBUG_HEADERS: scripts/debug-kernel
# knows where they are.
debug: build/debug/lanes.ko
build/debug/lanes.ko: $(sources) $(DEBUG_HEADERS)/Makefile
	@echo "  MODULE  debug"
	@+scripts/kbuild $(DEBUG_HEADERS) build/debug V=$(V) > build/debug.log 2>&1 || \
		{ cat build/debug.log >&2; exit 1; }
	@grep -A12 'warning:' build/debug.log >&2 || :

user selftests:
	@$(MAKE) -C $@ BUILD=$(BUILD) all

# The headers of 6.1 have no vmlinux.
bpf:
	@$(MAKE) -C $@ BUILD=$(BUILD) VMLINUX=/lib/modules/$(call release,6.12)/build/vmlinux all

man: $(patsubst Documentation/man/%.rst,$(BUILD)/man/%.8,$(wildcard Documentation/man/*.rst))
$(BUILD)/man/%.8: Documentation/man/%.rst
	@mkdir -p $(@D)
	@rst2man --strict $< $@

demo-parts: build/6.12/lanes.ko user
screenshots-parts: demo-parts bpf selftests

unit-build: user bpf
	@$(MAKE) -C user BUILD=$(BUILD) units
	@$(MAKE) -C bpf BUILD=$(BUILD) units

unit: user bpf
	@$(MAKE) -C user BUILD=$(BUILD) check
	@$(MAKE) -C bpf BUILD=$(BUILD) check
	@PYTHONPATH=scripts python3 -B -m unittest discover -s scripts/report/tests -t scripts

# The server's tests again, in builds that watch memory and threads. What watches
# memory takes twice as long to compile with -O1, and hardly runs faster.
sanitizer = $(@:%-build=%)
address address-build: flags := -O0 -g1
address address-build: sanitizers := address,undefined
thread thread-build: flags := -O1 -g1
thread thread-build: sanitizers := thread
sanitized = $(MAKE) -C user BUILD=$(BUILD)/$(sanitizer) SANITIZE=$(sanitizers) CXXFLAGS='$(flags)'
address thread:
	@+$(sanitized) run-server
address-build thread-build:
	@+$(sanitized) $(BUILD)/$(sanitizer)/bin/unit/server

# Each fuzzer for FUZZ_SECONDS; what it finds stays in build/fuzz.
FUZZ_SECONDS ?= 600
fuzz-build:
	@$(MAKE) -C user BUILD=$(BUILD)/fuzz CXX=clang++ SANITIZE=fuzzer,address,undefined \
		CXXFLAGS='-O1 -g1' fuzzers

fuzz: fuzz-build
	@cd build/fuzz && for name in http resp; do \
		mkdir -p corpus/$$name && \
		bin/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-print_final_stats=1 corpus/$$name || exit 1; \
		echo "fuzz: $$name: ok"; \
	done

# Debian packages no qemu-plugin.h: scripts/plugin/header knows where it is.
plugins: $(patsubst scripts/plugin/%.c,build/plugin/%.so,$(wildcard scripts/plugin/*.c))
build/plugin/%.so: scripts/plugin/%.c $(wildcard scripts/plugin/*.h)
	@mkdir -p $(@D)
	@echo "  PLUGIN  $*"
	@$(CC) -O2 -Wall -Wextra -Wno-unused-parameter -fPIC -shared -fvisibility=hidden \
		-Iscripts/plugin -I$(PLUGIN_HEADERS) -o $@ $<
