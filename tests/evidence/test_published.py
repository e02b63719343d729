"""The packaged study as evidence: its spellings, and what its configurations rest on."""

from bestiary.evidence import published_evidence
from bestiary.evidence.published import FAMILIES, LABELS
from bestiary.optimizers import CATALOGUE


def test_labels_and_families_are_those_of_the_catalogue() -> None:
    for name, label in LABELS.items():
        assert (label, FAMILIES[name]) == (CATALOGUE[name].label, CATALOGUE[name].family)
    assert published_evidence().labels == {
        name: label for name, label in LABELS.items() if name != "shampoo"
    }


def test_every_loss_of_the_two_versions_is_there_with_its_noise() -> None:
    for name, count in (("fantastic2025", 150), ("fantastic2025-released", 154)):
        evidence = published_evidence(name)
        assert len(evidence.found) >= count
        assert {noise.measured for noise in evidence.noise.values()} == {False}
        assert evidence.noise.keys() == evidence.sizes.keys()
