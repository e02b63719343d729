"""What besides the spec decides the last bits of a run: the kind of machine, and the versions."""

from collections.abc import Mapping

# Keys of `RunResult.environment`. Not the number of cores: a run has one thread on a CPU.
DECIDING = (
    *("bestiary", "code", "optimizer package", "jax", "jaxlib", "optax", "scipy"),
    *("processor", "backend", "device", "threads", "placement", "XLA_FLAGS"),
)


# Of one run, and not from run to run: into how many parts its steps were divided for its memory.
MICRO_BATCHES = "micro-batches"


def kinds_apart(before: Mapping[str, str], after: Mapping[str, str], *also: str) -> str:
    """Where two environments differ in what decides bits, in words; empty where they do not.

    Args:
        before: `RunResult.environment` of one run; a key that it lacks is not compared.
        after: That of another.
        also: More keys to compare.

    Returns:
        For instance `jaxlib 0.10.2, then 0.11.0; processor A, then B`.
    """
    both = [key for key in (*DECIDING, *also) if key in before and key in after]
    return "; ".join(
        f"{key} {before[key]}, then {after[key]}" for key in both if before[key] != after[key]
    )
