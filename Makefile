# SPDX-License-Identifier: GPL-2.0-only
# What a person types. The building itself happens in the Debian root, where
# scripts/build.mk is the makefile; only load, unload and install are for the
# machine that runs make.

MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
KDIR ?= /lib/modules/$(shell uname -r)/build
build = scripts/in-root make -j$(JOBS) -f scripts/build.mk
benches := contention latency growth locality daemons steer observe server

.PHONY: all modules user bpf selftests man demo bench bench-steer bench-contention
.PHONY: bench-latency bench-growth bench-locality bench-daemons bench-server
.PHONY: bench-observe bench-idle bench-report fuzz screenshots check check-debug lint clean help
.PHONY: host-module load unload install

all: root
	@$(build) all

# Part of the whole, for whoever works on that part.
modules user bpf selftests man: root
	@$(build) $@

.PHONY: root
root:
	@scripts/root > /dev/null

demo: root
	@$(build) demo-parts
	@scripts/demo

bench-steer: root
	@$(build) demo-parts
	@scripts/bench-steer

bench-contention: root
	@$(build) demo-parts
	@scripts/bench-contention
	@scripts/bench-contention-ledger

bench-latency: root
	@$(build) demo-parts
	@scripts/bench-latency

bench-growth: root
	@$(build) demo-parts
	@scripts/bench-growth

bench-locality: root
	@$(build) demo-parts bpf
	@scripts/bench-locality

bench-daemons: root
	@$(build) demo-parts
	@scripts/bench-daemons

bench-server: root
	@$(build) user
	@scripts/bench-server

bench-observe: root
	@$(build) demo-parts bpf
	@scripts/bench-observe

# One after the other, as each wants the machine; then one report of all.
bench:
	@for bench in $(benches); do $(MAKE) "bench-$$bench" || exit; done
	@$(MAKE) bench-report

bench-report: root
	@scripts/bench-report

# Memory of idle connections: more than one machine's descriptors, so in a VM.
bench-idle: root
	@$(build) demo-parts selftests
	@LANES_VM_TIMEOUT=7200 scripts/vm -k 6.12 -c 4 -m 8G -- \
		env LANES_IDLE_CONNECTIONS=100000 LANES_SLOW=8 selftests/run 6.12 lanesd_idle

screenshots: root
	@$(build) screenshots-parts
	@mkdir -p Documentation/screens
	@LANES_SCREENS='$(CURDIR)/Documentation/screens' scripts/vm -k 6.12 -c 4 -- \
		selftests/run 6.12 screens
	@scripts/screens

fuzz: root
	@$(build) fuzz

check:
	@scripts/check

check-debug:
	@scripts/check debug

lint: root
	@scripts/lint

clean:
	rm -rf build

# On a machine with the headers of its own kernel.
host-module:
	@scripts/kbuild '$(KDIR)' build/host

load: host-module
	insmod build/host/lanes.ko

unload:
	rmmod lanes

install: host-module
	$(MAKE) -C '$(KDIR)' M='$(CURDIR)/build/host/obj' modules_install INSTALL_MOD_DIR=extra
	depmod -a

help:
	@echo 'make             lanes.ko for each kernel, programs, manual pages, tests (in build/)'
	@echo 'make demo        plain, SO_REUSEPORT and lanes side by side, in a VM'
	@echo 'make bench       bench-* for $(benches), and one report of all'
	@echo 'make bench-steer what steering and the cache cost and bring, in VMs'
	@echo 'make bench-contention cache-line transfers of each way to share a port, in VMs'
	@echo 'make bench-latency waits for accept while a worker or the load is in trouble, in VMs'
	@echo 'make bench-growth cost and memory as connections and listeners grow, in VMs'
	@echo 'make bench-daemons lanesd beside nginx, HAProxy and redis-server, counted in VMs'
	@echo 'make bench-server lanesd beside epoll, redis-server and nginx, on this machine'
	@echo 'make bench-observe what tools and tracepoints cost a connection, in a VM'
	@echo 'make bench-report the report alone: build/bench/report.html'
	@echo 'make bench-idle  memory of 100,000 idle connections, in a VM'
	@echo 'make screenshots the screens in the documents, in a VM'
	@echo 'make fuzz        the HTTP and RESP fuzzers, ten minutes each'
	@echo 'make check       all tests on each kernel, a subset on the debug kernel'
	@echo 'make check-debug all tests on the debug kernel'
	@echo 'make man         the manual pages only: man build/man/lanectl.8'
	@echo 'make lint        checkpatch, sparse, kernel-doc, shellcheck, pyflakes, clang-format'
	@echo 'make clean       remove build/ (the root and the debug kernel stay cached)'
	@echo 'make load        build for the running kernel and insmod; KDIR=HEADERS'
	@echo 'make unload      rmmod;  make install: into /lib/modules'
	@echo
	@echo 'scripts/vm [-k SERIES] [-c CPUS] [-m MEM] -- COMMAND   run COMMAND in a VM'
	@echo 'Root and debug kernel are cached in $$LANES_CACHE (~/.cache/lanes).'
