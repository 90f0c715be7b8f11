# make run        set up a virtual environment, then get the data, train, evaluate, read a film
# make test       run the tests
# make lint       check formatting and lint
# make format     mend what `make lint` finds, where it can
# make benchmark  measure this program's speed beside the tutorial's; one row: make benchmark ROWS=frames
# make fuzz       damage input, kill scripts, fill disks; list the promises that break
PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test lint format benchmark fuzz
run: .venv/ready
	$(BIN)/python step_2_dataset.py
	$(BIN)/python step_3_train.py
	$(BIN)/python step_4_evaluate.py
	$(BIN)/python step_6_camera.py --source data/hello.mp4 --headless
	@echo 'Now with your camera, by either model:'
	@$(BIN)/python -m tools.list_models

# Two processes of one thread each: more threads than cores wait for each other.
test: .venv/ready-to-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --cov -n 2 --dist loadgroup --no-loadscope-reorder

lint: .venv/ready-to-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: .venv/ready-to-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: .venv/ready
	$(BIN)/python -m tools.benchmark $(if $(ROWS),--only $(ROWS))

fuzz: .venv/ready-to-test
	$(BIN)/python -m tools.fuzz

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; make PYTHON=... names it" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

.venv/ready-to-test: tests/requirements.txt .venv/ready
	$(BIN)/python -m pip install -r tests/requirements.txt
	touch $@
