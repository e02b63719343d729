"""What a study's largest runs take of memory, against what there is here."""

from typing import Any

from bestiary.specs import USABLE_MEMORY, Study, size_of, training_bytes
from bestiary.store import machine_bytes

# Of optimizer state for each parameter: two moments, float32. Some keep less, some more.
STATE_BYTES = 8


def memory_of(study: Study) -> dict[str, Any]:
    """What its largest runs take: whole batches, and one sequence at a time."""
    from bestiary.launch import LocalExecutor

    batch = max(int(one.start.get("batch_size", study.batch_size)) for one in study.candidates)

    def need(size: str, sequences: int, *, recomputed: bool = True) -> int:
        model = study.sizes[size]
        state = STATE_BYTES * model.parameters
        return training_bytes(model, sequences, state, recomputed=recomputed)

    largest = max(study.sizes, key=lambda size: need(size, batch, recomputed=False))
    return {
        "size": largest,
        "batch_size": batch,
        "undivided_bytes": need(largest, batch),
        "kept_bytes": need(largest, batch, recomputed=False),
        "least_bytes": need(largest, 1),
        "workers_here": LocalExecutor("").slots,
        "bytes_here": machine_bytes(),
    }


def told_of_memory(memory: dict[str, Any]) -> str:
    """The same in a sentence."""
    share = memory["bytes_here"] // memory["workers_here"]
    here = f"{size_of(share)} for each of {memory['workers_here']} here"
    least, undivided = size_of(memory["least_bytes"]), size_of(memory["undivided_bytes"])
    if memory["undivided_bytes"] <= share:
        fits = f"there is {here}" + _activations(memory, share)
    elif memory["least_bytes"] <= share:
        fits = f"divided into micro-batches it fits {here}"
    else:
        fits = f"there is {here}, which is too little"
    return (
        f"Memory: about {undivided} for a run of {memory['size']} at a batch of "
        f"{memory['batch_size']}, {least} one sequence at a time; {fits}."
    )


def _activations(memory: dict[str, Any], share: int) -> str:
    """What happens to the activations of layers that are a loop; nothing where there is none."""
    kept, again = memory["kept_bytes"], memory["undivided_bytes"]
    if kept == again:
        return ""
    if kept <= USABLE_MEMORY * share:
        return f", where with {size_of(kept)} all activations are kept"
    return f", which is less than the {size_of(kept)} of all activations: they are computed again"
