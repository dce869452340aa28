# `make` alone lists the targets. Each installs what it needs into a virtual environment, once:
# the installation is editable, so only a change of setup.cfg or pyproject.toml repeats it.

PYTHON ?= python3
VENV ?= .venv
# The parity tests have an environment of their own, so that `make test` never sees PyTorch.
VENV_PARITY ?= .venv-parity
# So has the race, with the libraries that take part in it; and nbgrader, which brings many others.
VENV_BENCH ?= .venv-bench
VENV_GRADING ?= .venv-grading
VENV_LITE ?= .venv-lite
# One fixed PyTorch, so that a comparison means the same everywhere. The CPU build is enough, and
# saves gigabytes of GPU libraries; where pip would take another one, name the index that has it:
# make parity TORCH="torch==2.13.0 --index-url URL"
TORCH ?= torch==2.13.0

.PHONY: help demo tutorials test parity browser grading mpi bench lint figures results course lessons
.PHONY: docs slides lite
.PHONY: dist clean
.NOTPARALLEL:

help:    ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

demo: $(VENV)/.with-plot,data,interop    ## train a small model and draw where its attention goes
	$(VENV)/bin/minixattn demo

tutorials: $(VENV)/.with-tutorials    ## copy the lessons to a folder, and open JupyterLab there
	$(VENV)/bin/minixattn tutorials

test: $(VENV)/.with-test    ## run the test suite, which needs no PyTorch
	$(VENV)/bin/pytest -q --mpl

parity: $(VENV_PARITY)/.with-parity    ## compare every operation and layer with PyTorch, live
	$(VENV_PARITY)/bin/pytest -q tests/parity

browser: $(VENV)/.with-browser    ## open the explorer's pages in a real Chromium
	$(VENV)/bin/pytest -q tests/browser

grading: $(VENV_GRADING)/.with-grading    ## hand out and mark a lesson with nbgrader
	$(VENV_GRADING)/bin/pytest -q tests/grading

mpi: $(VENV)/.with-test,mpi    ## train and attend on several processes, under mpiexec
	$(VENV)/bin/pytest -q tests/mpi

bench: $(VENV_BENCH)/.with-bench    ## race a training step against PyTorch, jax and others
	$(VENV_BENCH)/bin/python -m benchmarks

lint: $(VENV)/.with-lint    ## check the source with ruff
	$(VENV)/bin/ruff check .

figures: $(VENV)/.with-plot,data,interop    ## draw every picture of the README and the documentation again
	$(VENV)/bin/python figures/make_figures.py

results: $(VENV)/.with-plot,data,interop    ## score all trained models, and write the table
	$(VENV)/bin/minixattn results --out figures --into README.md

course: $(VENV)/.with-course    ## run the lessons, and write their notebooks and tables
	$(VENV)/bin/python -m minixattn.course.build
	$(VENV)/bin/python -m minixattn.course.tables

lessons: $(VENV)/.with-course    ## run the lessons, and see that the notebooks are theirs
	$(VENV)/bin/python -m minixattn.course.build --check

docs: $(VENV)/.with-docs    ## make the book of lessons and reference in build/book
	$(VENV)/bin/python tutorials/sites/make_book.py

slides: $(VENV)/.with-docs    ## make a deck of each lesson, which opens without a network
	$(VENV)/bin/python tutorials/sites/make_slides.py

lite: $(VENV)/.with-build $(VENV_LITE)/.with-lite    ## make a site that runs the lessons in a browser
	rm -rf build/wheel build/lib build/bdist.*
	$(VENV)/bin/python -m build --quiet --wheel --outdir build/wheel
	$(VENV_LITE)/bin/python tutorials/sites/make_lite.py build/wheel/*.whl

dist: $(VENV)/.with-build    ## build the wheel and the source archive into dist/
	rm -rf dist build/lib build/bdist.*
	$(VENV)/bin/python -m build --quiet
	$(VENV)/bin/twine check --strict dist/*

clean:    ## delete everything that the targets above made
	rm -rf $(VENV) $(VENV_PARITY) $(VENV_BENCH) $(VENV_GRADING) $(VENV_LITE) build dist *.egg-info
	rm -rf minixattn-demo .hypothesis .pytest_cache .ruff_cache
	find minixattn tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Environments: a file `.with-NAME` says that NAME is installed -----------------------------------

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.with-build: | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet build twine
	touch $@

$(VENV)/.with-%: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --editable ".[$*]"
	touch $@

$(VENV_PARITY)/.with-parity $(VENV_BENCH)/.with-bench: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet $(TORCH)
	$(@D)/bin/python -m pip install --quiet --editable ".[$(subst .with-,,$(@F))]"
	touch $@

$(VENV_GRADING)/.with-grading $(VENV_LITE)/.with-lite: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --editable ".[$(subst .with-,,$(@F))]"
	touch $@
