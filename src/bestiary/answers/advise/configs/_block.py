"""A start in the catalogue's own names, and what every project's block is made of."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bestiary.answers.advise._start import BATCH, DECAY, FINAL, KIND, WARMUP, Start
from bestiary.errors import UserError
from bestiary.specs import Setting

# What the code of arXiv 2509.02046 (Levanter) calls the catalogue's hyperparameters.
OURS = {
    "muon_to_adam_lr": "adam_factor",
    "muon_epsilon": "matrix_epsilon",
    "scion_epsilon": "matrix_epsilon",
    "scion_to_signum_lr": "other_radius",
    "preconditioner_lr": "preconditioner_rate",
    "preconditioner_update_probability": "update_probability",
    "preconditioner_init_scale": "preconditioner_scale",
    "update_prob_flat_start": "update_flat_steps",
}
# Newton-Schulz steps and coefficients of the study, which its configurations do not name.
STUDIED: Mapping[str, Setting] = {"iterations": 10, "coefficients": "simple"}


class Block(NamedTuple):
    """A start as it is written.

    Attributes:
        start: The start.
        settings: Its hyperparameters under the catalogue's names, those of the run left out.
        devices: How many share the batch.
    """

    start: Start
    settings: Mapping[str, Setting]
    devices: int

    @classmethod
    def of(cls, start: Start, devices: int) -> "Block":
        """The block of a start.

        Raises:
            UserError: its rate, batch or steps are not known.
        """
        needed = {
            "a learning rate": start.value("learning_rate"),
            "a batch size": start.batch_sequences,
            "steps and tokens, so the length of a sequence": start.steps,
        }
        if lost := [what for what, value in needed.items() if value is None]:
            raise UserError(
                f"a configuration needs {' and '.join(lost)}, which the results of "
                f"{start.optimizer} do not say; map them on import"
            )
        run = {*BATCH, *WARMUP, *DECAY, *FINAL, *KIND}
        own = {
            OURS.get(one.name, one.name): one.value for one in start.settings if one.name not in run
        }
        return cls(start, own, devices)

    def get(self, name: str, default: Setting = 0.0) -> Setting:
        """A hyperparameter; what the study ran without naming it comes before the default."""
        return self.settings.get(name, STUDIED.get(name, default))

    @property
    def rate(self) -> float:
        """The peak learning rate."""
        return float(self.settings["learning_rate"])

    @property
    def other_rate(self) -> float:
        """That of parameters that are no hidden matrix, where it differs."""
        return self.rate * float(self.get("adam_factor", 1.0))

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.start.steps or 0

    @property
    def warmup(self) -> int:
        """In steps."""
        return self.start.warmup_steps or 0

    @property
    def decay_steps(self) -> int:
        """The steps at the end over which the rate falls."""
        whole = self.steps - self.warmup
        if self.start.schedule == "wsd":
            return min(whole, round(self.start.decay_fraction * self.steps))
        return 0 if self.start.schedule == "constant" else whole

    @property
    def sequences(self) -> int:
        """Of a batch."""
        return self.start.batch_sequences or 0

    @property
    def context(self) -> int:
        """Tokens of a sequence."""
        return round(self.start.sequence_tokens or 0)

    @property
    def batch_tokens(self) -> int:
        """Tokens a step."""
        return self.sequences * self.context


def called(block: Block, project: str, name: str, usual: str, names: Mapping[str, str]) -> str:
    """What a project calls a variant of an optimizer.

    Args:
        block: The start.
        project: Its name, for the refusal.
        name: The hyperparameter that says which variant it is.
        usual: What it is where the start does not say.
        names: The variants that the project has, by the catalogue's names.

    Raises:
        UserError: a variant that the project lacks, which would be another optimizer there.
    """
    value = str(block.get(name, usual))
    if value not in names:
        raise UserError(
            f"{project} has no {block.start.label} with {name} {value}, only with "
            f"{', '.join(names)}; --config optax runs it as it was measured"
        )
    return names[value]


def number(value: object) -> str:
    """A setting as code: five digits, and a float that stays one in YAML too."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    text = f"{value:.5g}"
    mantissa, letter, exponent = text.partition("e")
    if letter:
        # YAML 1.1 reads 1e-05 as a text, and 1.0e-05 as a number.
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"
    return text if "." in text else f"{text}.0"


def lines(pairs: Iterable[tuple[str, object]], form: str, indent: str = "") -> list[str]:
    """Names and values, one a line, in a form such as `{}={},`."""
    return [indent + form.format(name, number(value)) for name, value in pairs]
