PYTHON ?= python3
BIN := .venv/bin
# The stages' `python` is the virtual environment's, whether it is activated or not.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install repro quick test proof check compare crossvalidate doctor rebuild preset prune search mistakes demo serve fuzz lint lock
.DEFAULT_GOAL := help

help: ## list these verbs
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

repro: .venv/pipeline ## set up, then run every stage whose inputs changed
	dvc repro
	@echo
	@echo 'Try it:              make demo'
	@echo 'Your own pictures:   docs/own-images.md'
	@echo 'What it costs:       metrics/report.html, in a browser'

quick: .venv/tests ## the tests that need no dataset, network or DVC: about a minute
	python -m pytest -n 2 -m 'not slow and not proof'

# A file stays on one worker, since its tests share expensive fixtures; the longest is the first.
test: .venv/tests ## set up, then run the tests
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

proof: .venv/tests ## what takes hours: an emulated CPU, and a rebuild that must give what is committed
	python -m pytest -m proof
	$(MAKE) rebuild
	python -m spotimes.reproducibility.reproduced

check: .venv/pipeline ## fail if the INT8 model exceeds a budget, or with REV=main loses more than allowed
	@status=0; python -m stages.evaluate --check || status=$$?; \
	  $(if $(REV),python -m spotimes.compare --check $(REV) || status=$$?;) exit $$status

doctor: .venv/pipeline ## why would a rebuild here differ from what is committed?
	@python -m spotimes.doctor

compare: .venv/pipeline ## the INT8 model beside that of another revision: make compare REV=main
	@python -m spotimes.compare $(if $(REV),$(REV),main)

rebuild: .venv/pipeline ## run every stage from scratch, the training too
	rm -rf .resume
	dvc repro --force

preset: .venv/pipeline ## put the values of presets/NAME.yaml into params.yaml: make preset NAME=nano
	@python -m spotimes.params.preset $(NAME)

prune: .venv/pipeline ## narrow network.backbone to evaluate.budgets, in params.yaml
	@python -m spotimes.params
	@python -m spotimes.pruning

search: .venv/pipeline ## search architectures within search.limits of params.yaml
	@python -m spotimes.params
	python -m spotimes.search

mistakes: .venv/pipeline ## write mistakes.html: what the INT8 model gets wrong on the test images, and why
	@python -m spotimes.mistakes

crossvalidate: .venv/pipeline ## accuracy of all pictures by K trainings, where the test split is small: make crossvalidate K=5
	@python -m spotimes.params
	python -m spotimes.crossvalidation $(K)

demo: .venv/app ## classify a picture of each class, then serve a page to try others
	@[ -d data/samples ] || { echo 'demo: data/samples is missing; make repro makes it' >&2; exit 2; }
	@python -m app predict data/samples
	@python -m app serve $(ARGS)

serve: .venv/app ## serve the model and a page to try it, over HTTP: make serve ARGS="--port 8080"
	@python -m app serve $(ARGS)

fuzz: .venv/tests ## feed damaged files and requests to all that reads them: make fuzz MINUTES=30 SEED=1
	@python -m tests.fuzz --minutes $(or $(MINUTES),1) --seed $(or $(SEED),0)

lint: .venv/tests ## check style and types
	ruff check .
	ruff format --check .
	mypy

lock: .venv/tests ## compile requirements*.txt anew from requirements*.in
	uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url --prerelease if-necessary-or-explicit requirements.in --output-file requirements.txt
	uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url app/requirements.in --output-file app/requirements.txt
	uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url requirements-postgresql.in --output-file requirements-postgresql.txt
	uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url requirements-dev.in --output-file requirements-dev.txt
	for peer in fastapi mlserver; do uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url benchmarks/serving_peers/$$peer.in --output-file benchmarks/serving_peers/$$peer.txt || exit; done

# A stamp is made when an install is complete; one that was broken off is begun anew.
install: ## install what requirements.txt pins, anew
	@rm -f .venv/pipeline
	@$(MAKE) .venv/pipeline

.venv/pipeline: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo 'Spotimes needs Python 3.10 to 3.13: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)' >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { echo 'No virtual environment: Debian and Ubuntu have it in a package of its own, apt-get install python3-venv' >&2; exit 2; }
	python -m pip install --requirement requirements.txt
	@touch $@

.venv/app: app/requirements.txt .venv/pipeline
	python -m pip install --requirement app/requirements.txt
	@touch $@

.venv/tests: requirements-dev.txt .venv/pipeline
	python -m pip install --requirement requirements-dev.txt
	@touch $@
