# The front door: each target is one command. `make` alone shows them.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
TOOLS := python3 tools
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Tests start Python thousands of times: without compiled modules on disk each start compiles them.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo test lint unit live coverage contract engines campaign conformance molecule e2e mutants bench images wheels secrets docs lock clean

help: ## show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## install the pinned tools, and Docker Engine where none answers
	$(TOOLS)/bootstrap.py test

demo: ## build five hosts, deploy them and publish the demo study's table
	$(TOOLS)/bootstrap.py engine
	$(PYTHON) tools/demo.py

test: ## run every test, from lint to the whole topology
	$(TOOLS)/bootstrap.py test
	$(PYTHON) tools/suite.py

lint: ## ruff, mypy, ansible-lint, import-linter, codespell, shellcheck
	$(TOOLS)/bootstrap.py tools
	$(PYTHON) tools/lint.py

unit: ## the unit tests
	$(TOOLS)/bootstrap.py tools
	$(PYTHON) tools/shares.py tests/unit -m "not live"

live: ## the unit tests that start servers or many programs, or measure something large
	$(TOOLS)/bootstrap.py test
	$(PYTHON) -m pytest -q --numprocesses=auto --dist=loadfile -m live tests/unit

coverage: ## unit, live and engines under coverage; stops below 95 % of lines and branches
	$(TOOLS)/bootstrap.py test
	$(PYTHON) tools/suite.py --only coverage

contract: ## is the repository consistent with itself
	$(TOOLS)/bootstrap.py tools
	$(PYTHON) -m pytest -q -p no:socket --numprocesses=auto --dist=loadfile tests/contract

engines: ## the data builder on PostgreSQL and MariaDB servers of its own
	$(TOOLS)/bootstrap.py test
	$(PYTHON) -m pytest -q -p no:socket tests/engines

campaign: ## a long search, with seed and log: make campaign NAME=graphs
	$(TOOLS)/bootstrap.py test
	$(PYTHON) tools/campaign.py $(NAME)

conformance: ## published peers beside ours, or against our job server
	$(TOOLS)/bootstrap.py test
	$(PYTHON) -m pytest -q -p no:socket tests/conformance

molecule: ## one scenario on fresh hosts: make molecule SCENARIO=runner
	$(TOOLS)/bootstrap.py test
	$(PYTHON) tools/suite.py --scenario $(SCENARIO)

e2e: ## the topology scenario and the end-to-end tests
	$(TOOLS)/bootstrap.py test
	$(PYTHON) tools/suite.py --only e2e

mutants: ## remove each control of docs/threats.md and check that its test fails
	$(TOOLS)/bootstrap.py test
	$(PYTHON) tools/suite.py --only mutants

bench: ## measure against peers: make bench PART=data_builder, runner or job_server
	$(TOOLS)/bootstrap.py tools
	$(PYTHON) -m tests.bench.$(PART)

images: ## build the job images, and push them: make images PUSH=registry/namespace
	$(TOOLS)/bootstrap.py tools
	$(PYTHON) tools/images.py jobs $(if $(PUSH),--push $(PUSH))

wheels: ## build what hosts install, without a package index
	$(PYTHON) tools/wheels.py

secrets: ## make the secrets that the demo inventory lacks, and no others
	$(PYTHON) tools/machine.py
	ansible-playbook -i inventories/demo playbooks/operations/generate_secrets.yml

docs: ## generate the pages that restate data
	$(PYTHON) tools/docs.py

lock: ## lock every requirement by hash
	$(PYTHON) tools/lock.py

clean: ## remove the demo and what the tests left
	$(TOOLS)/rig.py clean demo test
