# One line a target; each calls inv or nox. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev stop status check test lint lock clean

setup: ## make .venv with inv and nox; nothing when it is there
	@$(PYTHON) -I gaiaflow/infra/host/bootstrap.py
dev: setup ## start the stack
	@$(BIN)/inv dev.start
stop: setup ## stop the stack; data stays
	@$(BIN)/inv dev.stop
status: setup ## show each service
	@$(BIN)/inv dev.status
check: setup ## lint, check types, and run the unit tests of what differs from main; two minutes
	@$(BIN)/nox --reuse-venv=yes -s check
test: setup ## run the tests; what needs a missing engine, cluster or browser is skipped by name
	@$(BIN)/nox -s tests tests_airflow integration e2e dag_tests
lint: setup ## run the linters and the type checker
	@$(BIN)/nox -s lint types workflows
lock: setup ## compile every lock with the newest versions
	@$(BIN)/nox -s lock -- --upgrade
clean: setup ## stop the stack and remove all that it made; asks first
	@$(BIN)/inv dev.cleanup
help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10
