# Keytrail. make run: everything set up and a server started. make test: everything set up and all tests.
include deploy/engine.mk

GO    := go
DATA  ?= .keytrail
BIN   := bin/keytrail
TESTS ?= ./...

.DEFAULT_GOAL := build
.PHONY: build run test vet fuzz bench soak tools clean

build: ## the one binary, without cgo
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/keytrail

run: engine build ## a server on 127.0.0.1:4566 with its own NATS and ClickHouse
	@$(BIN) server --data $(DATA)

# The scenarios drive the real AWS CLI, and the race detector needs a C compiler.
NEED_aws := awscli
NEED_gcc := gcc libc6-dev
tools:
	@for t in aws gcc; do command -v $$t >/dev/null && continue; \
	  case $$t in aws) p="$(NEED_aws)";; gcc) p="$(NEED_gcc)";; esac; \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$p >/dev/null; \
	  else echo "make test needs $$t: install it (Debian: apt-get install $$p)" >&2; exit 1; fi; done

vet:
	@$(GO) vet ./... && test -z "$$(gofmt -l cmd events projections commands audit query test)" || { gofmt -l . >&2; exit 1; }

test: engine tools build vet ## every test, with the race detector
	KEYTRAIL_NEED_ENGINE=1 KEYTRAIL_BINARY=$(CURDIR)/$(BIN) $(GO) test -race -timeout 14m -p 2 $(TESTS)

soak: engine tools build ## the long forms of the tests: hours
	KEYTRAIL_NEED_ENGINE=1 KEYTRAIL_SOAK=1 KEYTRAIL_POLICY_CASES=1000000 $(GO) test -timeout 12h -p 1 ./test/...

bench: engine build ## every figure beside its limit, in one run
	cd test/bench && $(GO) run . $(BENCH)

fuzz: ## each fuzz target for FUZZTIME (default 1m)
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),1m) $$p || exit 1; done; done

clean:
	@rm -rf bin
