"""What besides the spec decides the last bits of a run: the kind of machine, and the versions."""

from collections.abc import Mapping

# The mesh of devices that it was laid over, as `--mesh` takes it.
PLACEMENT = "placement"
# Keys of `RunResult.environment`. Not the number of cores: a run has one thread on a CPU.
DECIDING = (
    *("bestiary", "code", "optimizer package", "jax", "jaxlib", "optax", "scipy"),
    *("processor", "backend", "device", "threads", "products", PLACEMENT, "XLA_FLAGS"),
    *("attention", "cross-entropy"),
)


# Of one run, and not from run to run: into how many parts its steps were divided for its memory.
MICRO_BATCHES = "micro-batches"
# The same of whether its layers' activations were kept for the gradient or computed again.
ACTIVATIONS = "activations"

# What else ran: the machine's load average in the last minute of the run, and its cores.
LOAD, MACHINE_CORES = "load", "machine cores"
# What the run was for: a `Purpose`, stamped by the driver that commits it.
PHASE = "phase"
# With how many runs as one program it was trained, itself included; absent of one alone. Its last
# bits may be others than alone, and its times are its share.
POPULATION = "population"
# How many of its steps a shorter run of the same trunk had taken already: its seconds are of all.
TRUNK_STEPS = "trunk steps"
# They differ from run to run, and say nothing of the kind of machine.
OF_ONE_RUN = (MICRO_BATCHES, ACTIVATIONS, LOAD, PHASE, POPULATION, TRUNK_STEPS)


def is_busy(environment: Mapping[str, str]) -> bool:
    """Whether more wanted to run on a machine than its cores and one: its times are then too long.

    False where a run did not record it.

    Args:
        environment: `RunResult.environment`.
    """
    try:
        return float(environment[LOAD]) > int(environment[MACHINE_CORES]) + 1
    except (KeyError, ValueError):
        return False


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
