"""`bestiary export`: a trained model as a Hugging Face folder."""

import json
from pathlib import Path

import tyro

from bestiary.cli._one_run import weights_of
from bestiary.data import end_of_text
from bestiary.errors import BestiaryError, UserError
from bestiary.specs import Spec
from bestiary.store import TOKENIZER


class Flags(Spec, frozen=True, kw_only=True):
    """Export a trained model.

    Attributes:
        run: The folder of a finished `bestiary train`.
        out: The folder to write, new or empty: config.json, model.safetensors, and the tokenizer's
            files where the run has it.
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

    spec, params = weights_of(Path(flags.run))
    export_huggingface(params, spec.model, flags.out)
    print(f"wrote {flags.out}; transformers loads it with LlamaForCausalLM.from_pretrained")
    print(_with_tokenizer(Path(flags.run), Path(flags.out), spec.model.context))


def _with_tokenizer(run: Path, out: Path, context: int) -> str:
    """Write the tokenizer's files beside the model; what was done, in words."""
    if not (run / TOKENIZER).is_file():
        return f"without a tokenizer: {run} has none, as where tokens were given"
    text = (run / TOKENIZER).read_text(encoding="utf-8")
    about: dict[str, str | int]
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": context}
    if (end := end_of_text(text)) is not None:
        about["eos_token"] = end
    try:
        (out / TOKENIZER).write_text(text, encoding="utf-8")
        (out / "tokenizer_config.json").write_text(json.dumps(about, indent=2) + "\n")
    except OSError as error:
        raise BestiaryError(
            f"the model is written, but not its tokenizer: {error.strerror}; free space, remove "
            f"{out} and export again"
        ) from None
    return "its tokenizer too: AutoTokenizer.from_pretrained"
