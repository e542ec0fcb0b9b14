# Each target calls one script; the scripts can also be called directly.
.DEFAULT_GOAL := help
.PHONY: help run cluster demo test chaos soak test-compose check conformance model simulate \
  sanitize fuzz load bench settings sbom packages install uninstall clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Build a release and serve keys on 127.0.0.1:8080, data in ./data
	@scripts/run

cluster: ## Run the whole system on this machine: scripts/cluster up (see --help)
	@scripts/cluster up

demo: ## Show what happens when parts of a cluster fail (DEMO="--step"; --help)
	@scripts/demo $(DEMO)

test: ## Run every test: unit, contract, end to end, conformance
	@scripts/test

chaos: ## Break a cluster under checked load (SECONDS=60 SEED=… CHAOS="--help")
	@scripts/chaos $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(SEED),--seed "$(SEED)") $(CHAOS)

soak: ## An hour of load, restarts and failovers; is all flat? (SECONDS=3600 SOAK="--help")
	@scripts/soak $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(SEED),--seed "$(SEED)") $(SOAK)

test-compose: ## Build the images, run docker-compose.yml, break it (takes 20 minutes)
	@scripts/test-compose

check: ## Format, warnings, import arrows, layout rules, shell scripts
	@scripts/check

conformance: ## Test a kv-api with curl, Python, Chromium and schemathesis
	@scripts/conformance

model: ## Check the model of the cache with Spin (MODEL="--masters 3"; --help)
	@scripts/model $(MODEL)

simulate: ## Simulate the whole system, with faults (SEED=7 RUNS=100000; RUNS=1 tells one run)
	@SEED="$(SEED)" RUNS="$(RUNS)" PLANT="$(PLANT)" scripts/simulate

sanitize: ## Run the tests under the Address and the Thread Sanitizer
	@scripts/sanitize

fuzz: ## Fuzz the HTTP parser for FUZZ_SECONDS (60)
	@scripts/fuzz

load: ## Load a running store (LOAD="all --url http://127.0.0.1:21000"; --help)
	@load-tests/run $(or $(LOAD),mixed)

bench: ## Measure against others, as work grows, past limits (BENCH="--scale", "--limits"; --help)
	@scripts/bench $(BENCH)

settings: ## Update the table of settings in SETUP.md from the programs' catalogues
	@scripts/settings

sbom: ## List what the programs consist of, with licences, as CycloneDX: sbom.json
	@scripts/sbom --output sbom.json

packages: ## Install the Debian packages that building, testing and measuring need
	@scripts/packages build test cluster bench

install: ## Build releases and install them with completions (PREFIX=/usr/local, DESTDIR=)
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install

uninstall: ## Remove what `make install` has installed (PREFIX=/usr/local, DESTDIR=)
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install --remove

clean: ## Remove everything that was built, but not ./data
	@scripts/clean
