# make demo    set up, train on names for a minute, print twenty new ones
# make chat    set up without torch, in seconds, and open the app
# make setup   set up everything that training needs
# make test    install what is missing, check style and types, run all tests
# make lock    write requirements/*.txt anew: the versions of constraints.txt, with the hashes of their files
# make sbom    write build/sbom.cdx.json: every installed package with version and licence, as CycloneDX
# make coverage  run the tests with branch coverage of rnntui (twice as long as make test)
# make mutants  mutation tests of some modules (hours); of one: make mutants MUTANTS='rnntui.runs.lookup.*'
# make models  retrain the shipped models (about three hours on one core)
# make clean   remove the virtual environment

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo chat test lock sbom coverage mutants models setup clean

PIP := $(BIN)/python -m pip install --disable-pip-version-check
# What is downloaded must have one of the hashes in requirements/*.txt, which name all packages.
LOCKED := $(PIP) --no-deps --require-hashes -r requirements
# rnntui itself, and torch, of which there are several builds (requirements/lock.py).
RNNTUI := $(PIP) --no-build-isolation -c constraints.txt -e

# Each installs once: a stamp newer than the files it depends on means that nothing is missing.
$(VENV)/.ready: pyproject.toml constraints.txt requirements/app.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing rnntui and its libraries into $(VENV) ..."
	$(LOCKED)/app.txt
	$(RNNTUI) .
	touch $@

$(VENV)/.ready-train: $(VENV)/.ready requirements/train.txt
	@echo "Installing what training needs into $(VENV) (torch is large; once, a few minutes) ..."
	$(LOCKED)/train.txt
	$(RNNTUI) '.[train]'
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements/dev.txt
	@echo "Installing what training and the tests need into $(VENV) (torch is large; once, a few minutes) ..."
	$(LOCKED)/dev.txt
	$(RNNTUI) '.[dev]'
	touch $@

setup: $(VENV)/.ready-train

demo: $(VENV)/.ready-train
	$(BIN)/rnntui train corpora/names.txt --minutes 1
	@echo
	@echo "Twenty names that are not in corpora/names.txt:"
	@$(BIN)/rnntui sample --samples 80 < /dev/null | grep -vxF -f corpora/names.txt | head -n 20
	@echo
	@echo "Next ($(BIN)/rnntui, or rnntui after . $(BIN)/activate):"
	@echo "  rnntui sample --run shakespeare --prompt ROMEO:     the shipped model writes"
	@echo "  rnntui train your-text.txt --minutes 5              a model of your own text"
	@echo "  rnntui runs                                         the runs there are"

chat: $(VENV)/.ready
	$(BIN)/rnntui chat

test: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

lock: $(VENV)/.ready-dev
	$(BIN)/python requirements/lock.py

# The tool checks what it writes against the schema of CycloneDX. It runs in an environment of its own.
sbom: $(VENV)/.ready-dev
	mkdir -p build
	$(BIN)/uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment --validate --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file build/sbom.cdx.json $(BIN)/python
	@echo build/sbom.cdx.json

coverage: $(VENV)/.ready-dev
	rm -rf build/coverage
	$(BIN)/pytest --cov --cov-report=
	$(BIN)/coverage report --fail-under=95

MUTANTS ?= rnntui.*

mutants: $(VENV)/.ready-dev
	$(PIP) -c constraints.txt mutmut
	$(BIN)/mutmut run $(MUTANTS)
	$(BIN)/mutmut results

models: $(VENV)/.ready-train
	rm -rf build/model build/shipped
	$(BIN)/rnntui train corpora/shakespeare.txt --epochs 3 --patience 0 --ngram-prior 5 --name shakespeare --checkpoints build/model
	cp checkpoints/shakespeare/license.json build/model/shakespeare/
	$(BIN)/rnntui export build/model/shakespeare --copy build/shipped/shakespeare --ngram-minimum 20
	$(BIN)/rnntui train corpora/chat.txt --tokenizer bpe --vocab-size 4000 --epochs 4 --patience 0 --name chat \
		--checkpoints build/model
	cp checkpoints/chat/license.json build/model/chat/
	$(BIN)/rnntui export build/model/chat --copy build/shipped/chat --ngram-minimum 8
	$(BIN)/rnntui train-seq2seq corpora/en-es.tsv --vocab-size 6000 --batch-size 96 --bucket-batches 100 --dropout 0.3 \
		--lowercase-source --placeholders --short-pair-repeats 4 --epochs 12 --patience 0 --name en-es --checkpoints build/model
	cp checkpoints/en-es/license.json build/model/en-es/
	$(BIN)/rnntui export build/model/en-es --copy build/shipped/en-es
	$(BIN)/rnntui train-classifier corpora/authors.tsv --epochs 12 --patience 0 --name authors --checkpoints build/model
	cp checkpoints/authors/license.json build/model/authors/
	$(BIN)/rnntui export build/model/authors --copy build/shipped/authors
	cp -R build/shipped/. checkpoints/

clean:
	rm -rf $(VENV)
