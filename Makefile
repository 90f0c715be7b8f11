# make run        set up a virtual environment, then get the data, train, evaluate, read a film
# make test       the tests
# make lint       formatting and lint
# make benchmark  this program's speed beside the tutorial's
# make fuzz       damaged input, kills and full disks: what the scripts do not answer as promised
PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test lint benchmark fuzz
run: .venv/ready
	$(BIN)/python step_2_dataset.py
	$(BIN)/python step_3_train.py
	$(BIN)/python step_4_evaluate.py
	$(BIN)/python step_6_camera.py --source data/hello.mp4 --headless
	@echo 'Now with your camera: $(BIN)/python step_6_camera.py'

test: .venv/ready-to-test
	$(BIN)/python -m pytest --cov

lint: .venv/ready-to-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

benchmark: .venv/ready
	$(BIN)/python -m tools.benchmark.benchmark

fuzz: .venv/ready-to-test
	$(BIN)/python -m tools.fuzz.fuzz

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; make PYTHON=... names it" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

.venv/ready-to-test: tests/requirements.txt .venv/ready
	$(BIN)/python -m pip install -r tests/requirements.txt
	touch $@
