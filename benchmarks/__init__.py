"""How fast Guichet is: ``make bench``, or ``python -m benchmarks --help``. Figures: docs/benchmarks.md."""
