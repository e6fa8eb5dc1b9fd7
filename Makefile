# make demo    set up, train on names for a minute, print twenty new ones
# make chat    set up and open the app
# make test    install what is missing, check style and types, run all tests
# make models  retrain the shipped models (about three hours on one core)
# make clean   remove the virtual environment

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo chat test models setup clean

# Installs once: a stamp newer than the files it depends on means that nothing is missing.
$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing rnntui and its libraries into $(VENV) (torch is large; once, a few minutes) ..."
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@echo "Installing the tools for tests into $(VENV) ..."
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: $(VENV)/.ready

demo: $(VENV)/.ready
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

models: $(VENV)/.ready
	$(BIN)/rnntui train corpora/shakespeare.txt --epochs 3 --patience 0 --ngram-prior 5 --name shakespeare --checkpoints build/model
	$(BIN)/python -m rnntui.runs.export build/model/shakespeare checkpoints/shakespeare
	$(BIN)/rnntui train corpora/chat.txt --tokenizer bpe --vocab-size 4000 --dropout 0.2 --epochs 4 --patience 0 \
		--name chat --checkpoints build/model
	$(BIN)/python -m rnntui.runs.export build/model/chat checkpoints/chat
	$(BIN)/rnntui train-seq2seq corpora/en-es.tsv --vocab-size 6000 --batch-size 96 --bucket-batches 100 --dropout 0.3 \
		--lowercase-source --placeholders --short-pair-repeats 4 --epochs 12 --patience 0 --name en-es --checkpoints build/model
	$(BIN)/python -m rnntui.runs.export build/model/en-es checkpoints/en-es
	$(BIN)/rnntui train-classifier corpora/authors.tsv --epochs 12 --patience 0 --name authors --checkpoints build/model
	$(BIN)/python -m rnntui.runs.export build/model/authors checkpoints/authors

clean:
	rm -rf $(VENV)
