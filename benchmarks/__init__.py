"""Measurements, not tests: `python -m benchmarks`. Each file is one benchmark with a `run()`."""
