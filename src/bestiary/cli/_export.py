"""`bestiary export`: a trained model as a Hugging Face folder."""

from pathlib import Path

import tyro

from bestiary.errors import UserError
from bestiary.specs import Spec


class Flags(Spec, frozen=True, kw_only=True):
    """Export a trained model.

    Attributes:
        run: The folder of a finished `bestiary train`.
        out: The folder to write, new or empty: config.json and model.safetensors.
    """

    run: tyro.conf.Positional[str] = ""
    out: tyro.conf.Positional[str] = ""


def run(flags: Flags) -> None:
    """Write the weights of the newest checkpoint."""
    if not flags.run or not flags.out:
        raise UserError("export needs two folders: bestiary export RUN_FOLDER NEW_FOLDER")
    if not Path(flags.run).is_dir():
        raise UserError(f"no folder {flags.run}; name one that `bestiary train` wrote")
    from bestiary.models import export_huggingface
    from bestiary.train import trained

    ((spec, params),) = trained(flags.run)
    export_huggingface(params, spec.model, flags.out)
    print(f"wrote {flags.out}; transformers loads it with LlamaForCausalLM.from_pretrained")
