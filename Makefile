# borgfleet: run `make` to see what there is.

VERSION := $(shell scripts/version.sh)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
DATE    := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
BIN     := bin
DIST    := dist
CACHE   := $(CURDIR)/.cache
TOOLS   := $(CACHE)/tools
STAMP   := borgfleet/shared/version
LDFLAGS := -s -w -X $(STAMP).version=$(VERSION) -X $(STAMP).commit=$(COMMIT) -X $(STAMP).date=$(DATE)

# Nothing that ships uses cgo: the binaries are static. What go would stamp them
# with depends on where they are built; the three values above do not.
BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@echo 'borgfleet: borg backups on a whole fleet of hosts'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## static bin/borgfleet-controller and bin/borgfleet-agent
	$(BUILD) -o $(BIN)/borgfleet-controller ./controller
	$(BUILD) -o $(BIN)/borgfleet-agent ./agent

.PHONY: demo
demo: borg build ## a controller, two agents and two real backups on this machine (ONCE=1: end by itself)
	@go build -o $(CACHE)/demo ./scripts/demo
	@exec $(CACHE)/demo -bin $(BIN) $(if $(ONCE),-once)

# These begin first: what is short fits beside them and behind them.
LONG := ./scripts/e2e ./agent/internal/jobproc

# Tests of the real borg find it by these, and put their files there.
BORGS = TMPDIR="$$(scripts/testdir.sh)" BORGFLEET_TEST_BORGS="$$(scripts/borg-versions.sh)"

.PHONY: test
test: borg ## all tests, with real borg (installs it if it is missing); minutes on two cores
	@# -count=1: the end-to-end tests build the programs, which go's cache of results does not see.
	@# -vet=off: make lint has looked at every package with all of vet.
	@# CGO_ENABLED=0: as what ships, and so each package is compiled once for both.
	$(BORGS) PATH="$(CACHE)/borg-own:$$PATH" CGO_ENABLED=0 go test -count=1 -vet=off -timeout 15m $(LONG) ./...

.PHONY: race
race: borg ## the same with the race detector (needs a C compiler)
	@# Not the end-to-end tests: the programs that those run are built as they ship, without it.
	$(BORGS) CGO_ENABLED=1 go test -race -count=1 -timeout 30m $$(go list ./... | grep -v /scripts/e2e)

.PHONY: browser
browser: ## look at /api/docs with headless Chromium (installs it if it is missing)
	scripts/install-chromium.sh
	BORGFLEET_NEED_BROWSER=1 go test -count=1 -run TestAPIDocs ./scripts/e2e

.PHONY: examples
examples: borg ## try the examples of hooks with PostgreSQL, MariaDB and btrfs (installs what is missing; needs root)
	scripts/install-examples.sh
	BORGFLEET_EXAMPLES=1 go test -count=1 -run '^TestExample' -timeout 15m -v ./scripts/e2e

.PHONY: alerts
alerts: borg ## have Prometheus's promtool look at /metrics and at docs/monitoring (gets it if it is missing)
	scripts/install-promtool.sh
	PATH="$(TOOLS):$(CACHE)/borg-own:$$PATH" BORGFLEET_NEED_PROMTOOL=1 BORGFLEET_TEST_BORGS="$$(scripts/borg-versions.sh)" \
		go test -count=1 -run '^(TestPromtool.*|TestMetrics)$$' ./controller/internal/metrics ./scripts/e2e

.PHONY: bench
bench: borg build ## measure what DESIGN promises; figures belong into BENCHMARKS.md
	go run ./scripts/bench -bin $(BIN)
	go test -run '^$$' -bench . -benchtime 1s $(addprefix ./controller/internal/,store history fleet retention metrics) ./agent/internal/borg ./agent/internal/jobdir

.PHONY: bench-queries
bench-queries: build ## measure pages and answers about the fleet over HTTP, from 10 k to 1 M jobs (installs wrk if it is missing); ten minutes
	scripts/install-wrk.sh
	go build -o $(CACHE)/fillstore ./controller/fillstore
	go run ./scripts/queries -bin $(BIN) -fill $(CACHE)/fillstore -dir $(CACHE)/queries $(if $(EACH),-each $(EACH)) $(if $(ONLY),-only '$(ONLY)')

.PHONY: kills
kills: borg build ## kill -9 of every part at every point (POINTS=20 each); minutes
	BORGFLEET_KILL_POINTS=$(or $(POINTS),20) go test -count=1 -run TestKillNine -timeout 60m -v ./scripts/e2e

# The programs that the harness hurts go by a clock that it can step.
.PHONY: faults
faults: borg ## random faults on a whole fleet, from SEED=1 on, RUNS=10 of them; disks need root (NODISKS=1: none)
	CGO_ENABLED=0 go build -trimpath -tags steppedclock -o $(CACHE)/faults/ ./scripts/faults
	CGO_ENABLED=0 go build -trimpath -tags steppedclock -o $(CACHE)/faults/borgfleet-controller ./controller
	CGO_ENABLED=0 go build -trimpath -tags steppedclock -o $(CACHE)/faults/borgfleet-agent ./agent
	@exec $(CACHE)/faults/faults -bin $(CACHE)/faults -seed $(or $(SEED),1) -runs $(or $(RUNS),10) $(if $(ONLY),-only $(ONLY)) $(if $(NODISKS),-no-disks)

.PHONY: broken
broken: borg ## show that the harness finds programs that were broken on purpose (ONLY=names); minutes, needs root
	CGO_ENABLED=0 go build -trimpath -o $(CACHE)/broken/ ./scripts/broken ./scripts/faults
	@exec $(CACHE)/broken/broken -faults $(CACHE)/broken/faults -work $(CACHE)/broken $(if $(SEED),-seed $(SEED)) $(if $(RUNS),-runs $(RUNS)) $(if $(ONLY),-only $(ONLY))

.PHONY: bounds
bounds: borg ## floods, peers and readers that stop, full disks: prints memory and rates; minutes
	BORGFLEET_BOUNDS=1 go test -run '^(TestFlood|TestSleepers|TestSlowReaders|TestHostileLines|TestUnreadableFiles|TestStateDiskFloor)$$' -timeout 20m -count=1 -v ./scripts/e2e

.PHONY: fleetsim
fleetsim: build ## a whole fleet against a controller: AGENTS=1000 RUNNING=100 FOR=60s SEED=1 OUTAGES=stop,kill
	go build -o $(CACHE)/fleetsim ./scripts/fleetsim
	@exec $(CACHE)/fleetsim -bin $(BIN) -agents $(or $(AGENTS),1000) -running $(or $(RUNNING),100) -for $(or $(FOR),60s) -seed $(or $(SEED),1) $(if $(OUTAGES),-outages $(OUTAGES)) $(SIMFLAGS)

.PHONY: lint
lint: $(TOOLS)/staticcheck ## formatting, vet, staticcheck, layers
	@out="$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go'))"; test -z "$$out" || { echo "not gofmt'ed:"; echo "$$out"; exit 1; }
	go vet ./...
	$(TOOLS)/staticcheck ./...
	scripts/layers.sh

.PHONY: generate
generate: $(TOOLS)/buf ## make the generated code again, with pinned tools
	PATH="$(TOOLS):$$PATH" buf lint
	PATH="$(TOOLS):$$PATH" buf generate
	@$(MAKE) --no-print-directory reference

.PHONY: reference
reference: build ## docs/cli-reference, from what the programs say
	go run ./scripts/reference -markdown docs/cli-reference $(BIN)/borgfleet-controller $(BIN)/borgfleet-agent

PACKED := $(CACHE)/packages

.PHONY: packed
packed:
	$(foreach arch,amd64 arm64,GOARCH=$(arch) $(BUILD) -o $(PACKED)/$(arch)/borgfleet-controller ./controller &&) true
	$(foreach arch,amd64 arm64,GOARCH=$(arch) $(BUILD) -o $(PACKED)/$(arch)/borgfleet-agent ./agent &&) true

.PHONY: packages
packages: build packed $(TOOLS)/nfpm ## dist/: deb, rpm and tarballs for amd64 and arm64, with checksums (VERSION=, DIST=, MAINTAINER='Name <address>')
	scripts/packages/build.sh '$(VERSION)' '$(DATE)' $(BIN) $(PACKED) $(TOOLS)/nfpm $(DIST)

.PHONY: image
image: packed ## dist/image/: what a container of the controller is built from
	scripts/packages/image.sh $(PACKED) $(DIST)/image

# It needs nothing installed: what it cannot look at for want of a program it says.
.PHONY: packages-test
packages-test: packages image ## look at what is in the packages and the container, without installing them
	BORGFLEET_PACKAGES=$(CURDIR)/$(DIST) BORGFLEET_IMAGE=$(CURDIR)/$(DIST)/image go test -count=1 -run '^TestPacked' -timeout 10m -v ./scripts/e2e

.PHONY: reproducible
reproducible: packages ## make the packages again from a clone elsewhere, without caches, and compare
	scripts/packages/again.sh '$(VERSION)' $(DIST) $(TOOLS)/nfpm

.PHONY: install-test
install-test: packages image ## the packages on bare Debian machines, as the documents say, with an upgrade during a backup (installs what it needs; needs root)
	scripts/debian-root.sh $(CACHE)/debian-root
	$(MAKE) --no-print-directory packages VERSION=99.0.0 DIST=$(CACHE)/next
	BORGFLEET_DEBIAN_ROOT=$(CACHE)/debian-root BORGFLEET_PACKAGES=$(CURDIR)/$(DIST) BORGFLEET_PACKAGES_NEXT=$(CACHE)/next BORGFLEET_IMAGE=$(CURDIR)/$(DIST)/image \
		go test -count=1 -run '^(TestPacked.*|TestPackages|TestRPM)$$' -timeout 20m -v ./scripts/e2e

.PHONY: borg
borg:
	@scripts/install-borg.sh

$(TOOLS)/staticcheck: scripts/tools/go.mod
	go build -modfile=scripts/tools/go.mod -o $(TOOLS)/ honnef.co/go/tools/cmd/staticcheck
	@touch $@

$(TOOLS)/buf: scripts/tools/go.mod scripts/tools/buf/go.mod
	go build -modfile=scripts/tools/go.mod -o $(TOOLS)/ google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go
	go build -modfile=scripts/tools/buf/go.mod -o $(TOOLS)/ github.com/bufbuild/buf/cmd/buf
	@touch $@

$(TOOLS)/nfpm: scripts/tools/nfpm/go.mod
	go build -modfile=scripts/tools/nfpm/go.mod -o $(TOOLS)/ github.com/goreleaser/nfpm/v2/cmd/nfpm
	@touch $@

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN) $(DIST) $(CACHE)
