"""Strict numerics for every test: rank promotion raises, warnings are errors (pyproject.toml)."""

import os

# Before JAX is imported: tests run in parallel processes, each with one thread's worth of work.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
