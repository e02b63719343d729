"""Exchange with Hugging Face: a folder that `LlamaForCausalLM.from_pretrained` loads.

Only safetensors and JSON are written and read, so nothing in a folder is ever executed.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bestiary.errors import UserError
from bestiary.models._init import Params, init
from bestiary.specs import ModelSpec, from_builtins

_LAYER = {
    "attention_norm": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
_WEIGHTS = "model.safetensors"
_MOST_CONFIG = 10**6


def export_huggingface(params: Params, spec: ModelSpec, folder: Path | str) -> None:
    """Write `config.json` and `model.safetensors` in float32; matrices become (fan_out, fan_in).

    The model is written beside the folder and moved, so a folder is complete or absent; one that is
    there and empty gets its config.json last.

    Args:
        params: As `init` returns them.
        spec: The shape of the model.
        folder: A folder that does not exist or is empty.

    Raises:
        UserError: the folder is a file, holds something or cannot be written, or `params` are not
            of `spec`.
    """
    folder = Path(folder).resolve()  # a link, or `.`, is the folder it names
    _refuse_occupied(folder)
    _refuse_other_shapes(params, spec)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=folder.parent) as name:
            draft = Path(name)
            save_file(_to_torch_layout(params, spec), draft / _WEIGHTS, metadata={"format": "pt"})
            (draft / "config.json").write_text(json.dumps(_config(spec), indent=2) + "\n")
            _publish(draft, folder)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write {folder}: {reason}; name another folder") from None


def _publish(draft: Path, folder: Path) -> None:
    """Move what is written into its folder, with the rights that new files have here."""
    mask = os.umask(0)
    os.umask(mask)
    for name in (_WEIGHTS, "config.json"):
        (draft / name).chmod(0o666 & ~mask)
    if folder.exists():  # perhaps somebody's current folder: it must stay the same one
        for name in (_WEIGHTS, "config.json"):
            (draft / name).replace(folder / name)
        return
    whole = draft / "model"
    whole.mkdir()
    for name in (_WEIGHTS, "config.json"):
        (draft / name).replace(whole / name)
    whole.rename(folder)


def import_huggingface(folder: Path | str) -> tuple[ModelSpec, Params]:
    """Read a Llama written by `export_huggingface`, or any other in one safetensors file.

    Raises:
        UserError: a file is missing or damaged, the architecture differs, or a weight is missing,
            has another shape, or is not finite.
    """
    folder = Path(folder)
    for name in ("config.json", _WEIGHTS):
        if not (folder / name).is_file():
            raise UserError(f"a Hugging Face folder must hold {name}, got none in {folder}")
    spec = _spec(_stated(folder / "config.json"), folder)
    _refuse_larger(spec, folder / _WEIGHTS)
    try:
        tensors = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / _WEIGHTS} is not a safetensors file: {_short(error)}") from None
    missing = sorted(set(_names(spec)) - set(tensors))
    if missing:
        raise UserError(f"{folder / _WEIGHTS} must hold every weight, but {missing[0]} is missing")
    _refuse_odd_weights(tensors, spec, folder / _WEIGHTS)
    try:
        params = _from_torch_layout(tensors, spec)
    except ValueError as error:
        raise UserError(f"{folder / _WEIGHTS}: layers differ in shape: {_short(error)}") from None
    _refuse_other_shapes(params, spec)
    return spec, params


def _stated(path: Path) -> dict[str, Any]:
    """The object in a JSON file of reasonable size."""
    if path.stat().st_size > _MOST_CONFIG:
        raise UserError(f"{path} must be a model's config of at most {_MOST_CONFIG} bytes")
    try:
        stated = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {_short(error)}") from None
    if not isinstance(stated, dict):
        raise UserError(f"{path} must hold an object, got {type(stated).__name__}")
    return stated


def _refuse_larger(spec: ModelSpec, weights: Path) -> None:
    """A config may claim more than the file can hold, and would be believed with memory."""
    size = weights.stat().st_size
    if spec.parameters > size:  # a weight has a byte at least
        raise UserError(
            f"{weights} has {size} bytes, too few for the {spec.parameters} weights of its config"
        )


def _refuse_odd_weights(tensors: dict[str, np.ndarray], spec: ModelSpec, weights: Path) -> None:
    for name in _names(spec):
        tensor = tensors[name]
        if not jnp.issubdtype(tensor.dtype, jnp.floating):
            raise UserError(f"{weights}: {name} must be of floats, got {tensor.dtype}")
        if not np.isfinite(tensor.astype(np.float32)).all():
            raise UserError(f"{weights}: {name} has a weight that is not a finite number")
        if tensor.ndim not in (1, 2):
            raise UserError(f"{weights}: {name} must have one or two axes, got {tensor.ndim}")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80]


def _to_torch_layout(params: Params, spec: ModelSpec) -> dict[str, np.ndarray]:
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), params)
    tensors = {
        "model.embed_tokens.weight": params["embedding"],
        "model.norm.weight": params["final_norm"],
    }
    if not spec.tied:
        tensors["lm_head.weight"] = params["head"].T
    for kind, name in _LAYER.items():
        for layer in range(spec.layers):
            tensors[f"model.layers.{layer}.{name}.weight"] = params["layers"][kind][layer].T
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _from_torch_layout(tensors: dict[str, np.ndarray], spec: ModelSpec) -> Params:
    def stacked(name: str) -> jax.Array:
        parts = [tensors[f"model.layers.{i}.{name}.weight"].T for i in range(spec.layers)]
        return jnp.asarray(np.stack(parts), jnp.float32)

    params = {
        "embedding": jnp.asarray(tensors["model.embed_tokens.weight"], jnp.float32),
        "layers": {kind: stacked(name) for kind, name in _LAYER.items()},
        "final_norm": jnp.asarray(tensors["model.norm.weight"], jnp.float32),
    }
    if spec.tied:
        return params
    return params | {"head": jnp.asarray(tensors["lm_head.weight"].T, jnp.float32)}


def _names(spec: ModelSpec) -> list[str]:
    tables = ["model.embed_tokens.weight", "model.norm.weight"]
    layers = [f"model.layers.{i}.{n}.weight" for i in range(spec.layers) for n in _LAYER.values()]
    return tables + layers + ([] if spec.tied else ["lm_head.weight"])


def _config(spec: ModelSpec) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": spec.layers,
        "hidden_size": spec.hidden,
        "intermediate_size": spec.intermediate,
        "num_attention_heads": spec.heads,
        "num_key_value_heads": spec.key_value_heads,
        "head_dim": spec.head_dim,
        "max_position_embeddings": spec.context,
        "vocab_size": spec.vocabulary,
        "tie_word_embeddings": spec.tied,
        "rope_theta": spec.rope_theta,
        "rms_norm_eps": spec.norm_epsilon,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "torch_dtype": "float32",
        # Our vocabularies name no special tokens; without these, tokens 1 and 2 would be.
        "bos_token_id": None,
        "eos_token_id": None,
    }


def _spec(config: dict[str, Any], folder: Path) -> ModelSpec:
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise UserError(f"rope_parameters must be an object in {folder / 'config.json'}")
    fixed = {
        "model_type": (config.get("model_type"), "llama"),
        "hidden_act": (config.get("hidden_act", "silu"), "silu"),
        "attention_bias": (config.get("attention_bias", False), False),
        "mlp_bias": (config.get("mlp_bias", False), False),
        "rope_type": (rope.get("rope_type", "default"), "default"),
    }
    for name, (value, needed) in fixed.items():
        if value != needed:
            raise UserError(f"{name} must be {needed!r}, got {value!r} in {folder / 'config.json'}")
    try:
        heads = config["num_attention_heads"]
        plain = {
            "layers": config["num_hidden_layers"],
            "hidden": config["hidden_size"],
            "intermediate": config["intermediate_size"],
            "heads": heads,
            "key_value_heads": config.get("num_key_value_heads", heads),
            "context": config["max_position_embeddings"],
            "vocabulary": config["vocab_size"],
            "tied": config.get("tie_word_embeddings", False),
            "rope_theta": rope.get("rope_theta", config.get("rope_theta", 10_000.0)),
            "norm_epsilon": config["rms_norm_eps"],
        }
    except KeyError as error:
        raise UserError(f"{folder / 'config.json'} must state {error.args[0]}") from None
    try:
        return from_builtins(ModelSpec, plain)
    except UserError as error:
        raise UserError(f"{folder / 'config.json'}: {_short(error)}") from None


def _refuse_occupied(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"the export folder must be new or empty, got {folder}; name another one")


def _refuse_other_shapes(params: Params, spec: ModelSpec) -> None:
    needed = _shapes(jax.eval_shape(lambda: init(spec, jax.random.key(0))))
    given = _shapes(params)
    if set(given) != set(needed):
        names = ", ".join(sorted(set(given) ^ set(needed)))
        raise UserError(f"parameters must be of the given model, but their names differ: {names}")
    for name, shape in needed.items():
        if given[name] != shape:
            raise UserError(f"parameter {name} must have shape {shape}, got {given[name]}")


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    return {
        jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree.leaves_with_path(tree)
    }
