"""Sizes whose losses compare with those of some results: measured, or of the same vocabulary."""

from bestiary.errors import UserError, unknown
from bestiary.evidence import Evidence
from bestiary.specs import SIZES


def comparable_sizes(evidence: Evidence) -> dict[str, float]:
    """Sizes and their N: those of the results, and named ones that predict the same tokens.

    Nats per token of a byte model and of one with 128,256 tokens have nothing to do with each
    other, so a law of the one says nothing of the other.
    """
    measured = evidence.measured_sizes
    vocabularies = {SIZES[name].vocabulary for name in measured if name in SIZES}
    named = {
        name: float(model.matrix_parameters)
        for name, model in SIZES.items()
        if model.vocabulary in vocabularies
    }
    return dict(sorted({**named, **measured}.items(), key=lambda item: item[1]))


def parameters_of_size(evidence: Evidence, size: str) -> float:
    """N of a comparable size.

    Raises:
        UserError: no such size, or one with another vocabulary.
    """
    comparable = comparable_sizes(evidence)
    if size in comparable:
        return comparable[size]
    if size in SIZES:
        raise UserError(
            f"losses compare within one vocabulary only, and {size!r} has another than the sizes "
            f"of {evidence.name}; choose of {', '.join(comparable)}"
        )
    raise unknown("size", size, comparable)
