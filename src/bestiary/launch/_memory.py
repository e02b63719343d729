"""Whether a study's runs fit into this machine's memory, before the first is planned."""

from bestiary.errors import UserError
from bestiary.specs import Study, least_bytes
from bestiary.store import accelerators, machine_bytes


def check_memory(study: Study, workers: int) -> None:
    """Refuse a study whose largest runs cannot be trained at once by so many workers.

    A step is divided into as many micro-batches as it takes, so one sequence at a time decides.

    Args:
        study: The question.
        workers: Runs under way at once.

    Raises:
        UserError: too little memory; on accelerators nothing is refused.
    """
    if accelerators().names:
        return
    batch = max(int(one.start.get("batch_size", study.batch_size)) for one in study.candidates)
    name, model = max(study.sizes.items(), key=lambda item: least_bytes(item[1], 1, batch))
    need, there = least_bytes(model, 1, batch), machine_bytes()
    if workers * need > there:
        raise UserError(
            f"{name} takes at least {need / 1e9:,.1f} GB of memory a run, one sequence of its "
            f"batch of {batch} at a time, and {workers} are trained at once, but there are "
            f"{there / 1e9:,.1f} GB; "
            "take fewer --workers, a smaller study, or a machine with an accelerator"
        )
