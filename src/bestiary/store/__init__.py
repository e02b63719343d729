"""Store: studies, runs and results in one SQLite file. No JAX."""
