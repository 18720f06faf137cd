# Guichet. `make demo` is all it takes; `make help` lists the rest.
# Everything is installed under this directory: .venv (the bot) and rasa_project/.venv (the NLU).

.DEFAULT_GOAL := help
.PHONY: help demo run test lint bench bench-nlu bench-slack choose adapter clean install setup setup-bot

# The launcher ends the bot when make is killed, however that happens.
GUICHET = exec .venv/bin/python -m bot.launch -- .venv/bin/python -m bot.cli

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: setup ## install what is missing, train, start everything, print the chat page
	@$(GUICHET) demo

run: setup ## the same for real use: GUICHET_TELEGRAM__TOKEN=… make run
	@$(GUICHET) run

test: setup ## run the whole test suite, installing what it needs
	@tools/test $(ARGS)

lint: setup-bot ## style, types and layers
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy bot handlers benchmarks
	@.venv/bin/lint-imports

bench: setup ## latency and throughput, with the real Rasa
	@.venv/bin/python -m benchmarks $(ARGS)

bench-nlu: setup ## accuracy and speed of the NLU, beside Rasa's default (about an hour)
	@.venv/bin/python -m benchmarks.nlu $(ARGS)

bench-slack: setup-bot ## how late things show in Slack, within Slack's limits (under ten minutes)
	@.venv/bin/python -m benchmarks.slack $(ARGS)

choose: setup ## what another setting of the NLU would bring, by training files alone (ARGS="--help")
	@cd rasa_project && .venv/bin/python -W ignore -m choosing $(ARGS)

adapter: setup-bot ## teach the sentence encoder anew, from rasa_project/encoder/corpus (half an hour; 6 GB)
	@tools/adapter $(ARGS)

clean: ## remove what was installed, trained and cached (not var/, which holds the data)
	@rm -rf .venv rasa_project/.venv rasa_project/encoder/.venv rasa_project/models rasa_project/.rasa rasa_project/results
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

install: setup

setup: ## install both environments, if anything changed
	@tools/setup

setup-bot:
	@tools/setup --without-nlu
