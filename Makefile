# FrankenRedis. `make` lists the targets.

PORT     ?= 6379
FUZZTIME ?= 60s
ROUNDS   ?= 3
FAULTS   ?= 100000
SEED     ?= 1
FLIPS    ?= 10000
STATES   ?= 10000
SEEDS    ?= 1-1600
DEATHS   ?= 1000

GO       ?= go
BIN      := bin
PEERS    := $(shell conformance/peers.sh --dir)
# What redis-cli is called here, for the hints that `make run` prints.
CLI       = $(firstword $(shell command -v redis-cli) $(wildcard $(PEERS)/bin/redis-cli) redis-cli)
# Black-box tests start servers and wait for them; all else runs under the race detector, but for walks through thousands of states of a disk or of
# data, one after the other, which would take it ten times as long: they run without.
UNIT      = $(shell $(GO) list ./... | grep -v '/conformance$$')
WALKERS  := frankenredis/conformance/lab frankenredis/heal frankenredis/kv frankenredis/recovery
WALKS    := TestI1RingAndDamage|TestI3Prefix|TestI4Ack|TestI6|TestI8|TestI11|TestI12|TestI13|TestI16Cuts|TestI17|TestI18|TestI19|Everywhere|Crash
WALKS    := $(WALKS)|TestGrow|TestRot$$|TestEveryFileSurvives|TestOtherReader|TestDefrag$$|TestBig|TestBitsAgainst|TestViewCopies

export FR_PEERS := $(PEERS)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run build test fmt vet unit race conformance crash long damage rot flips sweep mutants fuzz bench profile demo cover peers clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and start a server: AOF on, data in ./data, loopback only (PORT=6379)
	@mkdir -p data
	@echo "FrankenRedis on 127.0.0.1:$(PORT), data in ./data, stop with Ctrl-C. From another terminal:"
	@echo "    $(CLI) -p $(PORT) set greeting hello"
	@echo "    $(CLI) -p $(PORT) get greeting"
	@exec $(BIN)/frankenredis --port $(PORT) --bind 127.0.0.1 --dir ./data --appendonly yes

build: ## build bin/frankenredis and bin/frctl, without the C library: it would only take memory
	CGO_ENABLED=0 $(GO) build -o $(BIN)/ ./cmd/...

test: peers fmt vet unit conformance race ## everything a change must pass (what CI runs)

fmt:
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "gofmt these files:"; echo "$$out"; exit 1; }

vet: ## go vet
	$(GO) vet ./...

unit: ## the tests inside the packages, under the race detector
	$(GO) test -timeout 20m $(WALKERS)
	$(GO) test -race -timeout 20m $(filter-out $(WALKERS),$(UNIT))
	$(GO) test -race -timeout 20m -skip '$(WALKS)' $(filter-out %/lab,$(WALKERS))
	LAB_STATES=60 LAB_LIVES=1 $(GO) test -race -timeout 20m -run 'TestCampaign|TestLedger' ./conformance/lab

conformance: peers build ## the server as a black box, beside redis-server 7.0.15, redict 7.3.6 and valkey 8.0.1
	@rm -f $(BIN)/conformance.jsonl
	FR_SERVER=$(CURDIR)/$(BIN)/frankenredis FR_TESTLOG=$(CURDIR)/$(BIN)/conformance.jsonl $(GO) test -count=1 -parallel 8 -timeout 20m ./conformance; \
		status=$$?; $(GO) run ./tools/parity -counts $(BIN)/conformance.jsonl && exit $$status

race: peers ## a server built with the race detector under the black-box tests that load it most
	$(GO) build -race -o $(BIN)/frankenredis-race ./cmd/frankenredis
	FR_SERVER=$(CURDIR)/$(BIN)/frankenredis-race $(GO) test -count=1 -timeout 20m -run 'TestScripts/subject|TestKill|TestGoRedis|TestHostileInput|TestPipeline' ./conformance

crash: peers build ## the long crash tests: STATES (10000) crash states in memory, 100 rounds of kill -9 under each policy, histories of many clients
	GOGC=1600 LAB_STATES=$(STATES) $(GO) test -count=1 -timeout 24h -v -run 'TestCampaign$$|TestCampaignFaults|TestNullControl|TestDamage' ./conformance/lab
	LAB_TRACES=300 $(GO) test -count=1 -timeout 1h -v -run 'TestTrace' ./conformance/lab
	LAB_UNITS=6 $(GO) test -count=1 -timeout 1h -v ./conformance/lab/model
	FR_LONG=1 FR_SERVER=$(CURDIR)/$(BIN)/frankenredis $(GO) test -count=1 -timeout 60m -v -run 'TestKill|TestLinearizable|TestSurvivingPrefix|TestRedisCLIPipe|Directory' ./conformance

long: ## random lives in memory and their deaths, those of SEEDS (1-1600: about a million crash states), telling where it is; LAB_FAULTS=1: while calls fail
	LAB_SEEDS=$(SEEDS) $(GO) test -count=1 -timeout 0 -v -run 'TestCampaign$(if $(LAB_FAULTS),Faults,$$)' ./conformance/lab

# The disks in memory are garbage soon: the laboratory takes memory for speed.
rot damage: export GOGC = 400
long sweep mutants: export GOGC = 1600

rot: ## damage a covered data directory and start from it, FAULTS (100000) times; SEED=1
	FR_FAULTS=$(FAULTS) FR_SEED=$(SEED) $(GO) test -count=1 -timeout 0 -v -run 'TestRot$$' ./conformance/lab/rot

flips: build ## change one bit at a time, FLIPS (10000), in a log without sidecars, and start from it; SEED=1
	$(GO) run ./tools/flips -server $(BIN)/frankenredis -peer $(PEERS)/bin/redis-server -n $(FLIPS) -seed $(SEED)

damage: ## DEATHS (1000) deaths of servers under always, each with one damaged block of 64 KiB in any one file: nothing acknowledged is lost
	LAB_STATES=$(DEATHS) $(GO) test -count=1 -timeout 24h -v -run 'TestI1Damage' ./conformance/lab

sweep: ## each protocol of the log stopped and failed at every call, with every fault
	LAB_EVERY=1 $(GO) test -count=1 -timeout 4h -v -run TestSweep ./conformance/lab

mutants: ## the log with one call left out, swapped or lied about at a time: the laboratory must find each; PART='^wal/^mend' some of them
	@mkdir -p $(BIN); rm -f $(BIN)/passages.json; if [ -z "$(PART)" ]; then rm -f $(BIN)/mutants.md; fi
	LAB_PASSAGES=$(CURDIR)/$(BIN)/passages.json LAB_MUTANTS=$(CURDIR)/$(BIN)/mutants.md \
		$(GO) test -count=1 -timeout 24h -run 'TestMutants/$(PART)' ./conformance/lab

fuzz: ## every fuzz target for FUZZTIME (60s) each
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		for target in $$(grep -h '^func Fuzz' $$dir/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do \
			echo "== $$dir $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$dir; \
		done; done

bench: peers build ## measure against redis-server side by side: throughput, CPU, memory (ROUNDS=3)
	$(GO) run ./tools/bench -server $(BIN)/frankenredis -rounds $(ROUNDS)

profile: peers build ## measure the compiler's profile anew (cmd/frankenredis/default.pgo)
	tools/bench/profile.sh $(BIN)/frankenredis cmd/frankenredis/default.pgo

demo: peers build ## SET, kill -9, GET; AOF directories to and from redis-server and valkey; changed bytes brought back or named
	@conformance/demo.sh $(BIN)/frankenredis

cover: ## test coverage of the packages, total last
	$(GO) test -coverprofile=$(BIN)/cover.out $(UNIT)
	$(GO) tool cover -func=$(BIN)/cover.out | tail -n 1

peers: ## fetch the servers that the tests compare with (Debian packages, unpacked, nothing installed)
	@conformance/peers.sh --tools || [ $$? = 3 ]

clean: ## remove what was built (never data)
	rm -rf $(BIN)
