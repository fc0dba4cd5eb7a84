# `make run` opens the app on the embedded demo, `make test` runs lint, types and all tests. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := $(VENV)-lowest
LOCK := requirements.lock
READY := $(VENV)/.ready
COMPILED := $(VENV)/.compiled
MAP_BUNDLE := pages/ui/widgets/gallery_component/regl_scatterplot.js
BIOME := node_modules/@biomejs/biome/bin/biome
# PyTorch's build: empty for the default (on Linux with CUDA), or cpu, auto, cu126, ... as uv names them. `make setup
# TORCH=cpu` takes 2 GB instead of 6 on Linux. torch and torchvision are taken from the same index, as they must be.
TORCH ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast test-lowest lint types format lock docs map-bundle clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## Set up the environment, as all others do where it is missing

run: $(READY) ## Open the app on the embedded demo
	$(BIN)/jepascore app --demo

# Types are checked on one processor, so what the tests need is compiled on the other meanwhile.
# Then three at a time: while one waits for a browser or a worker, the others have the processors.
test: $(READY) ## Check style and types, then run every test; says what they cover
	@$(MAKE) --no-print-directory -j 2 lint types $(COMPILED)
	$(BIN)/python -m pytest -n 3 --dist loadscope --cov --cov-report=term

test-fast: $(READY) ## Run the tests that take no browser and no patience
	$(BIN)/python -m pytest -n 3 --dist loadscope -m "not slow and not browser"

# The floors are also constraints: without them uv installs newer versions where it settles a conflict of other packages.
test-lowest: $(READY) ## Run the fast tests with the lowest versions that the requirements allow, on Python 3.11
	$(BIN)/uv venv --quiet --clear --python 3.11 $(LOWEST)
	@sed -nE 's/^([A-Za-z_-]+)>=([0-9.]+).*/\1==\2/p' requirements.txt > $(LOWEST)/floors.txt
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --constraints $(LOWEST)/floors.txt -e '.[dev]'
	$(LOWEST)/bin/python -m pytest -n 3 --dist loadscope -m "not slow and not browser"

lint: $(READY) ## Check style, dead code and what requirements name
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture
	$(BIN)/deptry .
	$(BIN)/node $(BIOME) check
	$(if $(wildcard $(BIN)/hadolint),$(BIN)/hadolint Dockerfile Dockerfile.cuda)

types: $(READY) ## Check types
	$(BIN)/mypy
	$(BIN)/node node_modules/typescript/bin/tsc

format: $(READY) ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/node $(BIOME) check --write

lock: $(READY) ## Resolve again after a change of requirements; with UPGRADE=1 to the newest versions that they allow
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --quiet \
		--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) --output-file $(LOCK)

docs: $(READY) ## Build the documentation into site/, with every link checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html, or with search: $(BIN)/python -m http.server --directory site"

# One long line: shaders are strings without line breaks. Its licences are in regl_scatterplot.LICENSE, by hand.
map-bundle: $(READY) ## Bundle what draws the map, after a change of its version in package.json
	@printf '// regl-scatterplot %s and what it needs, bundled by `make map-bundle`; licences: regl_scatterplot.LICENSE\n' \
		$$($(BIN)/node -p "require('./node_modules/regl-scatterplot/package.json').version") > $(MAP_BUNDLE)
	@echo '// @ts-nocheck' >> $(MAP_BUNDLE)
	@echo 'export { default } from "regl-scatterplot";' | node_modules/.bin/esbuild --bundle --format=esm --minify \
		--target=es2022 --supported:template-literal=false --legal-comments=none >> $(MAP_BUNDLE)

# What is installed is what the lock file says, file by file; uv itself is in it, too. uv installs several times faster
# than pip and shares its cache between environments. The files of another build of PyTorch have other hashes and bring
# other libraries: then everything else is as locked, and torch the newest of that build.
$(READY): $(LOCK) requirements.txt pyproject.toml package.json package-lock.json
	@echo "Setting up $(VENV): PyTorch$(if $(TORCH), for $(TORCH)) and the rest, $(if $(filter cpu,$(TORCH)),about 2 GB,on Linux about 6 GB (2 with TORCH=cpu)), a minute or more the first time"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is %s. Use make PYTHON=python3.12" % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk '/^[a-z]/ {take = /^uv==/} take' $(LOCK) > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.txt
ifeq ($(TORCH),)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements $(LOCK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
else
	@awk '/^[a-z]/ {skip = /^(torch|torchvision|triton|cuda-.*|nvidia-.*)==/} !skip' $(LOCK) > $(VENV)/without-torch.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --torch-backend $(TORCH) --constraints $(VENV)/without-torch.txt -e '.[dev]'
endif
	@$(BIN)/npm ci --silent --ignore-scripts
	@touch $(READY)

# Once, not by each of the processes that tests start, which begin at the same time or may not keep what they compile.
# What packages hold for other versions of Python does not compile in this one, and is not needed.
$(COMPILED): $(READY)
	@$(BIN)/python -m compileall -qq -j 0 -x '/(tests|_internal|setuptools)/' $(VENV)/lib jepascore_core || true
	@touch $@

clean: ## Remove the environment and caches; data and results stay
	rm -rf $(VENV) $(LOWEST) node_modules .mypy_cache .ruff_cache .pytest_cache .coverage *.egg-info build dist site
