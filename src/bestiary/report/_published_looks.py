"""How the optimizers of the published study look: as in every other figure."""

from bestiary.evidence.published import FAMILIES, LABELS
from bestiary.report._identity import Identity, looks_of

BASELINE = "adamw"


def published_looks() -> dict[str, Identity]:
    """The look of the eleven optimizers."""
    # Shampoo is a later side study of the authors.
    shown = {name: label for name, label in LABELS.items() if name != "shampoo"}
    return looks_of({name: (label, FAMILIES[name]) for name, label in shown.items()})
