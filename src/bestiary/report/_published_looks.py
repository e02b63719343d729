"""How the optimizers of the published study look: as in every other figure."""

from bestiary.analysis.published import FAMILIES
from bestiary.report._identity import Identity, looks_of

# In the order of the paper's tables. Shampoo was a side study of the authors.
LABELS = {
    "adamw": "AdamW",
    "nadamw": "NAdamW",
    "lion": "Lion",
    "adam_mini": "Adam-mini",
    "mars": "Mars",
    "cautious": "Cautious",
    "muon": "Muon",
    "scion": "Scion",
    "kron": "Kron",
    "soap": "SOAP",
    "sophia": "Sophia-H",
}
BASELINE = "adamw"


def published_looks() -> dict[str, Identity]:
    """The look of the eleven optimizers."""
    return looks_of({name: (label, FAMILIES[name]) for name, label in LABELS.items()})
