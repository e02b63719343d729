"""A result says what computed it."""

import os

import jax

from bestiary.train import environment


def test_it_names_versions_and_the_machine() -> None:
    found = environment()
    assert found["jax"] == jax.__version__
    assert found["cores"] == str(len(os.sched_getaffinity(0)))
    assert found["backend"] == "cpu"
    assert all(isinstance(value, str) and value for value in found.values())
    assert environment() == found
