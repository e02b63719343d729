"""Answers: one folder a question, and the only line that makes sentences. No JAX."""
