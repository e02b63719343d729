"""Mixtures with a name: their components, where these lie, and how much of each is read."""

from typing import NamedTuple

from bestiary.data._fetch import Wanted

# Bytes of text a token: of English and code with the tokenizer of Llama 3, about.
BYTES_PER_TOKEN = 4.4


class Component(NamedTuple):
    """One component of a mixture.

    Attributes:
        weight: Trillions of tokens in it, by which it is weighed; 0 of what is not trained on: the
            validation sets are drawn from it.
        wanted: The data set.
    """

    weight: float
    wanted: Wanted


# The study's pretraining mixture (arXiv 2509.02046): 92.57, 6.09 and 1.34 percent.
MIXTURES: dict[str, dict[str, Component]] = {
    "study": {
        "dclm-baseline": Component(3.8, Wanted(dataset="mlfoundations/dclm-baseline-1.0")),
        "starcoderdata": Component(0.25, Wanted(dataset="bigcode/starcoderdata", field="content")),
        "proofpile-2": Component(0.055, Wanted(dataset="EleutherAI/proof-pile-2")),
        "c4-en": Component(0.0, Wanted(dataset="allenai/paloma", subset="c4_en", split="val")),
    }
}


def weights(preset: dict[str, Component]) -> dict[str, float]:
    """The weight of every component that is trained on, as `mixture` takes them."""
    return {name: component.weight for name, component in preset.items() if component.weight}


def validating(preset: dict[str, Component]) -> tuple[str, ...]:
    """The components from which the validation sets are drawn."""
    return tuple(name for name, component in preset.items() if not component.weight)


def shares(preset: dict[str, Component]) -> dict[str, float]:
    """The share of every component that is trained on of all tokens."""
    weighed = weights(preset)
    total = sum(weighed.values())
    return {name: weight / total for name, weight in weighed.items()}
