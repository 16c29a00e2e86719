# Two commands do everything: make demo, make test.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BIN     := .build
LDFLAGS := -s -w -X main.version=$(VERSION)
TAGS    := nethttpomithttp2
TOOL    := $(GO) tool -modfile=.tools/go.mod
FUZZ    ?= 3s

export CGO_ENABLED ?= 0

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## a simulated day in seconds, then the site live: broker, daemon, page; all eight gateways: make demo DISTRICT=1
	@$(BIN)/firmware-sim day
	@$(BIN)/firmware-sim demo $(if $(DISTRICT),--district)

build: ## both programs for this machine, into .build/
	@mkdir -p $(BIN)
	@$(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

test: packages node lint cross unit race fuzz vm-test ## all tests; installs what they need on Debian
	@echo "ok: all tests passed"

screenshots: ## pictures of the page, into docs/screens
	@mkdir -p docs/screens
	SCREENSHOTS=$(CURDIR)/docs/screens $(GO) test -count=1 -run 'TestPictures$$|TestBrowserHolds$$' ./gateway/status

packages: ## install what the tests need (Debian) or list what is missing
	@.ci/packages mosquitto=mosquitto mosquitto_sub=mosquitto-clients chromium=chromium \
		/usr/lib/python3/dist-packages/paho=python3-paho-mqtt systemd-analyze=systemd \
		strace=strace setpriv=util-linux lintian=lintian promtool=prometheus \
		'/usr/share/fonts/opentype/noto/NotoSansCJK*=fonts-noto-cjk' gcc=gcc \
		'/usr/*/python3*/*-packages/cryptography*'=python3-cryptography '/usr/*/python3*/*-packages/jinja2*'=python3-jinja2

node: ## install what the tests of the contract and of the page need from npm, into the user's cache
	@.ci/node @asyncapi/parser@3.6.3 mqtt@5.16.0 axe-core@4.11.0

lint: ## formatting, vet, staticcheck, errcheck, go.mod tidy
	@test -z "$$($(TOOL) gofumpt -l cmd deploy drivers firmware-sim gateway | tee /dev/stderr)" || { echo "run make fmt" >&2; exit 1; }
	@$(GO) mod tidy -diff
	@$(GO) vet ./...
	@$(TOOL) staticcheck ./...
	@$(TOOL) errcheck -ignoretests -exclude .tools/errcheck.txt ./...

fmt: ## format the code
	@$(TOOL) gofumpt -w cmd deploy drivers firmware-sim gateway

cross: ## compile for every board: arm64, arm v6 and v7, riscv64
	@for t in arm64 arm/6 arm/7 riscv64; do \
		mkdir -p $(BIN)/$$t && CGO_ENABLED=0 GOOS=linux GOARCH=$${t%%/*} GOARM=$${t#*/} \
		$(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/$$t/ ./cmd/lotusgate ./cmd/firmware-sim && \
		printf '%-8s lotusgate %s bytes\n' $$t "$$(stat -c %s $(BIN)/$$t/lotusgate)" || exit 1; \
	done

unit: ## tests of every package
	$(GO) test -timeout 20m ./...

race: ## tests of what runs concurrently, under the race detector
	CGO_ENABLED=1 $(GO) test -race ./drivers/... ./gateway/access ./gateway/checkpoint ./gateway/control ./gateway/day ./gateway/field \
		./gateway/hub ./gateway/intake ./gateway/outbox ./gateway/record ./gateway/trace ./gateway/uplink \
		./gateway/status ./gateway/daemon ./firmware-sim/rig

transcript: build ## play the transcript of docs/commands.md on the demo, and write it there
	@.ci/transcript $(BIN)

replay: build ## record the demo, play it back bit by bit, and write the transcript into docs/testing.md
	@.ci/replay $(BIN)

fuzz: ## every fuzz target for FUZZ (default 3s) each
	@.ci/fuzz $(FUZZ)

campaign: vm ## more of one fault of gateway/faults: make campaign PART=power-cut RUNS=500, or HOURS=8 over and over
	@end=$$(( $$(date +%s) + $(or $(HOURS),0) * 3600 )); \
	while LOTUSGATE_VMTEST=1 RUNS=$(or $(RUNS),$(CUTS)) $(GO) test -count=1 -v -timeout 12h \
		-run '^TestFaults$$/^$(PART)' ./gateway/faults; do \
		[ $$(date +%s) -lt $$end ] || exit 0; \
	done; exit 1

reliability: vm ## every fault, many times over; writes docs/reliability.md
	@GO='$(GO)' .ci/reliability docs/reliability.md

sim: build ## whole gateways with everything failing around them: make sim SEEDS=20 DAYS=3 (a year: SEEDS=5 DAYS=73); then the mutants
	@$(BIN)/firmware-sim sim --quiet --seeds $(or $(SEEDS),8) --days $(or $(DAYS),1)
	@$(MAKE) -s mutants

soak: build ## the demo's gateway in real time while broker, link and clock fail: make soak HOURS=8; report in .build/soak
	@$(BIN)/firmware-sim soak --hours $(or $(HOURS),1) --output $(BIN)/soak

mutants: ## lay deliberate faults over the product: the simulation must find each
	@LOTUSGATE_MUTANTS=1 $(GO) test -count=1 -v -timeout 2h -run '^TestMutants$$' ./firmware-sim/sim

bench: ## benchmarks; each reports the physical limit beside it
	$(GO) test -run '^$$' -bench . -benchmem ./...

vm: ## build the User Mode Linux test kernel, once; cached outside the tree
	@firmware-sim/vm/kernel/build.sh

vm-test: ## the daemon and the drivers inside the VM, on real kernel GPIO and I2C; power cuts and full disks
	@if ! $(MAKE) -s vm; then \
		if [ "$$CI" = true ] || command -v apt-get >/dev/null; then exit 1; fi; \
		echo "no test kernel on this system: the VM tests were skipped" >&2; exit 0; \
	fi; \
	export LOTUSGATE_VMTEST=1; \
	$(GO) test -count=1 -v -timeout 15m ./firmware-sim/vm && \
	$(GO) test -count=1 -v -timeout 15m -run '^TestFaults$$/^(power-cut|power-cut-volatile|disk-full|read-only|clock-steps)$$' ./gateway/faults

bench-footprint: ## binary sizes, memory and processor at rest, time to the first publish, beside their goals
	$(GO) test -run '^$$' -bench Footprint -benchtime 1x ./deploy

deb: ## Debian packages for arm64, armhf and amd64 with SBOM and checksums, into .build/deb/
	@rm -rf $(BIN)/deb && .ci/deb $(BIN)/deb && ls -l $(BIN)/deb

sign: ## sign the checksums: make sign KEY=minisign.key
	@$(TOOL) minisign -S -s $(KEY) -t "lotusgate $(VERSION)" -m $(or $(SUMS),$(BIN)/deb/SHA256SUMS)

vuln: ## known weaknesses in what is linked; says so where the database is out of reach
	@.ci/vuln

clean: ## remove what was built; the VM cache stays
	@rm -rf $(BIN)

.PHONY: help demo build test screenshots packages node lint fmt cross unit race transcript replay fuzz bench campaign reliability sim soak mutants \
	vm vm-test bench-footprint deb sign vuln clean
