# Builds, runs and checks Tarn. Needs Go and, on Debian, nothing else: make test installs by apt what
# it misses (a C compiler for the race detector, redis-server as the oracle) and says so.
#
#   make          the binary, bin/tarn          make race      tests under the race detector
#   make run      build and serve on port 6379  make oracle    transcripts against redis-server
#   make test     everything that CI checks     make fuzz T=5m every fuzz target for T
#   make tidy     plan, style, documents        make crash     kill -9 a real process, restart, compare
#   make lint     vet, gofmt, staticcheck       make generate  documents and tarn.conf made from tables
#   make check    the quick half of make test   make bench     every benchmark
#   make soak T=1h  kills and random orders for T
#   make compare  Tarn beside redis-server, measured: bench/README.md

SHELL := /bin/sh
GO ?= go
ARGS ?=
T ?= 5s
BENCH ?= .
COMPARE ?=
PKG ?= ./...

# CI shows each test by name, so that a skipped one is seen.
VERBOSE := $(if $(CI),-v)
# Rooms, and tests across rooms. The latter start processes, which go's test cache does not see.
ROOMS = $$($(GO) list ./... | grep -v '^tarn/test/')
ACROSS = $$($(GO) list ./test/... | grep -v -e '^tarn/test/crash')
# What hangs is noticed by the tests themselves: this is for a machine ten times slower.
PATIENT = -timeout 1h
# How many of the tests across rooms run side by side: they wait, most of the time.
ASIDE = 4
# What Tarn is built for besides Linux on amd64: os/arch.
TARGETS = linux/arm64 darwin/arm64 darwin/amd64

.PHONY: build run test check deps fmt lint vet staticcheck cross tidy unit race invariants release oracle \
	fuzz crash soak generate bench bench-once compare clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/tarn ./cmd/tarn
	@ln -sf tarn bin/redis-server

run: build
	./bin/tarn server $(ARGS)

# Everything, cheapest first: a mistake should be told early.
test: deps build lint tidy cross race release fuzz bench-once crash

check: deps lint tidy release

# deps installs what the tests need and this machine lacks.
deps:
	@need=; \
	command -v gcc >/dev/null || need="$$need gcc libc6-dev"; \
	command -v redis-server >/dev/null || need="$$need redis-server"; \
	command -v redis-cli >/dev/null || need="$$need redis-tools"; \
	if [ -z "$$need" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "make: missing here:$$need; there is no apt-get, so tests that need them are skipped"; exit 0; \
	fi; \
	root=; if [ "$$(id -u)" != 0 ]; then root=sudo; fi; \
	echo "make: installing by apt, for the tests:$$need"; \
	$$root apt-get update -q && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$need

lint: fmt vet staticcheck

fmt:
	@files=$$(gofmt -l .); \
	if [ -n "$$files" ]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi

vet:
	$(GO) vet $(PKG)
	$(GO) vet -tags invariants $(PKG)

staticcheck:
	$(GO) tool staticcheck $(PKG)
	$(GO) tool staticcheck -tags invariants $(PKG)

# cross builds and vets Tarn for every target, tests included.
cross:
	@for target in $(TARGETS); do \
		echo "cross: $$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build ./... || exit 1; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) vet ./... || exit 1; \
	done

tidy:
	$(GO) test $(VERBOSE) -count=1 ./internal/tidy

unit:
	$(GO) test $(VERBOSE) $(PATIENT) $(ROOMS)

# race checks invariants too: a run of everything is minutes, and both watch, not time.
race:
	$(GO) test $(VERBOSE) -race -tags invariants $(PATIENT) $(ROOMS)
	$(GO) test $(VERBOSE) -race -tags invariants -count=1 -p $(ASIDE) $(PATIENT) $(ACROSS)

invariants:
	$(GO) test $(VERBOSE) -tags invariants $(PATIENT) $(ROOMS)

# release runs once without them, since they must not hide a mistake. Of the modes of transcripts one is enough then.
release: unit
	TARN_MODES=plain $(GO) test $(VERBOSE) -count=1 -p $(ASIDE) $(PATIENT) $(ACROSS)

oracle: deps
	$(GO) test $(VERBOSE) -count=1 $(PATIENT) ./test/transcripts

# fuzz gives each target T.
fuzz:
	GO="$(GO)" .ci/fuzz $(T)

crash: build
	@if [ -d test/crash ]; then $(GO) test $(VERBOSE) -count=1 $(PATIENT) ./test/crash/...; fi

# soak goes on looking for rare things, T with each test: kills, then orders of replies.
soak: build
	$(GO) test -v -count=1 -timeout 0 ./test/crash -run TestKill -rounds=1 -soak=$(T)
	$(GO) test -v -count=1 -timeout 0 ./test/linear -run TestLinear -soak=$(T)

generate:
	$(GO) generate ./...

bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

# bench-once runs each benchmark one time, so that none rots.
bench-once:
	$(GO) test $(PATIENT) -run '^$$' -bench . -benchtime 1x $(PKG)

# compare prints a table; COMPARE has its flags, as in COMPARE='-only snap'.
compare: build
	$(GO) run ./bench/compare -tarn bin/tarn -redis redis-server $(COMPARE)

clean:
	rm -rf bin
