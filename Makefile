# Everything one does with this repository. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Which packages, and for how long. For example:
#   make fuzz PKG=./internal/envelope FUZZTIME=1m
#   make bench PKG=./store/... BENCH=Get COUNT=10
PKG      ?= ./...
BENCH    ?= .
COUNT    ?= 1
FUZZTIME ?= 10s

# What the tests need beside Go, as command:debian-package. The race detector
# needs a C compiler with its headers. Servers for the tests of remote stores
# are added here; tests that need one are not skipped then.
NEEDS := gcc:gcc gcc:libc6-dev redis-server:redis-server postgres:postgresql

# One package's tests may take this long; all of them take less. Many wait for
# leases and servers most of the time: three packages at once keep two cores busy.
TIMEOUT := 15m

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: test
test: needs fmt-check vet ## everything a change must pass: format, vet, tests with the race detector, coverage of each package
	CGO_ENABLED=1 REPRISE_REQUIRE_SERVERS=1 go test -race -p 3 -timeout $(TIMEOUT) -coverprofile=coverage.out $(PKG)

.PHONY: race
race: needs ## tests with the race detector, always run anew
	CGO_ENABLED=1 REPRISE_REQUIRE_SERVERS=1 go test -race -count=1 -timeout $(TIMEOUT) $(PKG)

.PHONY: vet
vet: ## go vet
	go vet $(PKG)

.PHONY: fmt-check
fmt-check: ## fail where gofmt would change a file
	@out=$$(find . -name '*.go' -not -path '*/testdata/*' -not -path './.*' -print0 | xargs -0 gofmt -l); \
	if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

.PHONY: build
build: ## bin/reprise, the command line tool
	CGO_ENABLED=0 go build -o bin/reprise ./cmd/reprise

# A slow step whose result holds while no file of the repository changes.
.PHONY: cross
cross: build ## go vet for macOS, remembered by reprise itself
	bin/reprise run -v -n "vet for macOS" --gitignore -i . -e GOFLAGS --salt "$$(go version)" -- env GOOS=darwin go vet ./...

.PHONY: lint
lint: ## golangci-lint with .golangci.yml, where it is installed
	@command -v golangci-lint >/dev/null || { echo "golangci-lint is not installed; to install it:"; \
	  echo "  go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@latest"; exit 1; }
	golangci-lint run $(PKG)

.PHONY: cover
cover: ## coverage of each package and function, and coverage.html
	go test -timeout $(TIMEOUT) -coverprofile=coverage.out $(PKG)
	go tool cover -html=coverage.out -o coverage.html
	go tool cover -func=coverage.out

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	@for p in $$(go list $(PKG)); do \
	  targets=$$(go test -list '^Fuzz' "$$p"); \
	  for f in $$(grep '^Fuzz' <<<"$$targets"); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$p"; \
	  done; \
	done

.PHONY: bench
bench: ## benchmarks matching BENCH (all), COUNT times (1)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 60m $(PKG)

.PHONY: torture
torture: needs ## tests at the sizes of a nightly run: REPRISE_TORTURE=1, up to two hours
	CGO_ENABLED=1 REPRISE_REQUIRE_SERVERS=1 REPRISE_TORTURE=1 go test -race -count=1 -timeout 2h $(PKG)

.PHONY: clean
clean: ## remove what the other targets leave here
	rm -rf bin coverage.out coverage.html
	find . -path ./.git -prune -o -type f \( -name '*.test' -o -name '*.prof' \) -exec rm {} +

# needs installs what is missing, where it may (root on Debian), and else says
# what to install.
.PHONY: needs
needs:
	@missing=; \
	for n in $(NEEDS); do \
	  command -v "$${n%%:*}" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$${n%%:*}" >/dev/null || missing="$$missing $${n#*:}"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	else \
	  echo "The tests need these Debian packages, or what corresponds to them here:$$missing"; \
	  echo "  sudo apt-get install$$missing"; exit 1; \
	fi
