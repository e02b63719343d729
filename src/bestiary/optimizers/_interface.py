"""What an optimizer is: a record of hyperparameters, and a rule for every role."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args

import msgspec
import optax
from msgspec import Meta

from bestiary.errors import unknown
from bestiary.optimizers._ranges import in_range
from bestiary.optimizers._rules import Rule, by_path, routed
from bestiary.specs import RUN_COORDINATES, Configuration, Label, ScheduleKind, Setting, Spec

Family = Literal["scalar", "variance-reduced", "matrix", "second-order"]
Labels = dict[str, Label]
State = Any

# The types of hyperparameters. A `float` is traced: data of the compiled step, so that a sweep
# compiles once. Everything else, and a float marked `STATIC`, is a Python value.
STATIC = {"static": True}
LearningRate = Annotated[float, Meta(gt=0, description="peak learning rate")]
Beta = Annotated[float, Meta(ge=0, lt=1)]
Beta1 = Annotated[float, Meta(ge=0, lt=1, description="decay of the mean of gradients")]
Beta2 = Annotated[float, Meta(ge=0, lt=1, description="decay of the mean of squared gradients")]
Epsilon = Annotated[float, Meta(gt=0, description="added to the root of the second moment")]
WeightDecay = Annotated[
    float, Meta(ge=0, description="decoupled decay, times the learning rate; not on embeddings")
]
MaxGradNorm = Annotated[
    float, Meta(ge=0, description="clips the global norm of the gradients; 0 never clips")
]


class Hyperparameters(Spec, frozen=True, kw_only=True):
    """The hyperparameters of one optimizer, with the starting point at 130M, 1x as defaults.

    Ranges and meanings are in the types. The constructor checks plain values; arrays, such as the
    trainer traces, it takes as they are.

    Raises:
        UserError: a value out of its range or of a wrong type.
    """

    learning_rate: LearningRate
    weight_decay: WeightDecay = 0.1
    max_grad_norm: MaxGradNorm = 1.0

    def __post_init__(self) -> None:
        for item in msgspec.structs.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bool | int | float | str):
                in_range(f"{type(self).__name__} {item.name}", value, item.type)

    def rule(self, name: str, direction: optax.GradientTransformation, **changes: Any) -> Rule:
        """A rule with this learning rate, weight decay and clipping norm, but for the changes."""
        rule = Rule(
            name=name,
            direction=direction,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            max_norm=self.max_grad_norm,
        )
        return replace(rule, **changes)


def trained_params(state: State, params: optax.Params) -> optax.Params:
    """Evaluate the weights that are trained: the rule of nearly every optimizer."""
    del state
    return params


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """One entry of the catalogue.

    Attributes:
        name: Its name in specs and on the command line.
        label: Its name in tables and figures.
        family: The kind of preconditioning.
        summary: One line.
        paper: Authors, year, arXiv number.
        hyperparameters: The record type; its defaults are the starting point at 130M, 1x.
        rules: From hyperparameters and the labels by path to the rule of every role it covers.
        run: The starting point of the coordinates that belong to the run (`RUN_COORDINATES`).
        grid: The grid at 130M, 1x: values of each coordinate, in the order of tuning.
        studied: Whether starting point and grid are those of the study, which ran this optimizer.
        schedule: The kind of learning-rate schedule it is trained with.
        presets: Named settings: the variants of other implementations.
        needs_curvature: Whether `update` needs `curvature=`.
        evaluation_params: The weights to evaluate, from the state and the weights trained.

    Raises:
        UserError: a coordinate, a family or a schedule that does not exist.
    """

    name: str
    label: str
    family: Family
    summary: str
    paper: str
    hyperparameters: type[Hyperparameters]
    rules: Callable[[Any, Labels], Mapping[str, Rule]]
    run: Configuration = field(default_factory=dict)
    grid: Mapping[str, tuple[Setting, ...]] = field(default_factory=dict)
    studied: bool = False
    schedule: ScheduleKind = "cosine"
    presets: Mapping[str, Configuration] = field(default_factory=dict)
    needs_curvature: bool = False
    evaluation_params: Callable[[State, optax.Params], optax.Params] = trained_params

    def __post_init__(self) -> None:
        coordinates = (*self.fields, *RUN_COORDINATES)
        given: list[tuple[str, Iterable[str], Iterable[str]]] = [
            ("family", [self.family], get_args(Family)),
            ("schedule", [self.schedule], get_args(ScheduleKind)),
            ("run coordinate", self.run, RUN_COORDINATES),
            ("grid coordinate", self.grid, coordinates),
            *(
                (f"setting in preset {key}", preset, self.fields)
                for key, preset in self.presets.items()
            ),
        ]
        for what, names, known in given:
            for name in names:
                if name not in known:
                    raise unknown(f"{what} of {self.name}", name, known)

    def build(
        self, hyperparameters: Hyperparameters, labels: Any
    ) -> optax.GradientTransformationExtraArgs:
        """The transform; its `update` needs `params` and `step=` (counted from 0).

        Args:
            hyperparameters: The record; `learning_rate` is the rate of this step. Every field that
                is not in `static` may be a traced array.
            labels: A tree of `Label`, shaped like the parameters.

        Raises:
            UserError: a parameter's role is covered by no rule.
        """
        named = by_path(labels)
        return routed(self.rules(hyperparameters, named), named)

    @property
    def fields(self) -> dict[str, msgspec.structs.FieldInfo]:
        """The hyperparameters by name, in the order of the record."""
        return {item.name: item for item in msgspec.structs.fields(self.hyperparameters)}

    @property
    def static(self) -> frozenset[str]:
        """Hyperparameters that change the compiled program and hence are never traced."""
        return frozenset(name for name, item in self.fields.items() if not _is_traced(item.type))

    @property
    def defaults(self) -> Configuration:
        """Every hyperparameter at its default, the starting point."""
        return {name: item.default for name, item in self.fields.items()}

    @property
    def start(self) -> Configuration:
        """The complete starting configuration: hyperparameters and run coordinates."""
        return {**self.defaults, **self.run}

    def preset(self, name: str) -> Configuration:
        """The settings of one of its presets; none of their own for an empty name.

        Raises:
            UserError: there is no preset of that name.
        """
        if name and name not in self.presets:
            raise unknown(f"preset of {self.name}", name, self.presets)
        return self.presets[name] if name else {}


def _is_traced(kind: Any) -> bool:
    """Whether a field type is a float that the compiled step takes as data."""
    metadata = getattr(kind, "__metadata__", ())
    marked = any((item.extra or {}).get("static") for item in metadata if isinstance(item, Meta))
    return getattr(kind, "__origin__", kind) is float and not marked
