"""The Llama of `transformers` is the reference: same weights, same logits, same gradients."""

import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bestiary import models
from bestiary.errors import UserError
from bestiary.specs import ModelSpec

pytestmark = pytest.mark.slow

SPECS = {
    "plain": (4, 4, False),
    "grouped": (4, 2, False),
    "tied": (2, 2, True),
}


def spec_of(heads: int, key_value_heads: int, tied: bool) -> ModelSpec:
    return ModelSpec(
        layers=3,
        hidden=32,
        intermediate=80,
        heads=heads,
        key_value_heads=key_value_heads,
        context=70,
        vocabulary=61,
        tied=tied,
        rope_theta=5_000.0,
        norm_epsilon=3e-5,
    )


@pytest.fixture(params=SPECS.values(), ids=SPECS.keys())
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ModelSpec, Any, Path]:
    spec = spec_of(*request.param)
    params = jax.jit(models.init, static_argnums=0)(spec, jax.random.key(3))
    # Norms that are not 1, so that a mistake in them would be seen.
    norms = jax.random.uniform(jax.random.key(4), (spec.layers, spec.hidden), minval=0.5)
    params["layers"]["attention_norm"] = norms
    params["layers"]["mlp_norm"] = norms[::-1]
    params["final_norm"] = norms[0]
    models.export_huggingface(params, spec, tmp_path / "model")
    return spec, params, tmp_path / "model"


def test_logits_and_gradients_are_those_of_transformers(
    exported: tuple[ModelSpec, Any, Path],
) -> None:
    torch = pytest.importorskip("torch", reason="needs the reference: pip install torch")
    transformers = pytest.importorskip("transformers", reason="needs pip install transformers")
    spec, params, folder = exported
    reference = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokens = np.random.default_rng(0).integers(0, spec.vocabulary, (2, spec.context + 1))

    theirs = reference(torch.tensor(tokens[:, :-1])).logits
    ours = jax.jit(models.logits, static_argnums=2)(params, tokens[:, :-1], spec)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=3e-5)

    targets = torch.tensor(tokens[:, 1:]).flatten()
    their_loss = torch.nn.functional.cross_entropy(theirs.flatten(0, 1), targets)
    their_loss.backward()
    gradient = jax.jit(jax.value_and_grad(models.loss), static_argnums=2)
    our_loss, ours = gradient(params, jnp.asarray(tokens), spec)
    assert abs(float(our_loss) - their_loss.item()) < 1e-5
    gradients = dict(reference.named_parameters())

    def check(path: tuple[Any, ...], leaf: jax.Array) -> None:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        for position, ours_one in enumerate(leaf) if "layers" in name else [(0, leaf)]:
            their = gradients[NAMES[name].format(position)].grad.numpy()
            their = their if name == "embedding" else their.T
            np.testing.assert_allclose(ours_one, their, atol=3e-5, rtol=3e-5, err_msg=name)

    jax.tree_util.tree_map_with_path(check, ours)


NAMES = {
    "embedding": "model.embed_tokens.weight",
    "final_norm": "model.norm.weight",
    "head": "lm_head.weight",
    "layers.attention_norm": "model.layers.{}.input_layernorm.weight",
    "layers.mlp_norm": "model.layers.{}.post_attention_layernorm.weight",
    **{f"layers.{k}": f"model.layers.{{}}.self_attn.{k}_proj.weight" for k in "qkvo"},
    **{f"layers.{k}": f"model.layers.{{}}.mlp.{k}_proj.weight" for k in ("gate", "up", "down")},
}


def test_what_is_written_is_read_back(exported: tuple[ModelSpec, Any, Path]) -> None:
    spec, params, folder = exported
    read_spec, read = models.import_huggingface(folder)
    assert read_spec == spec
    jax.tree.map(np.testing.assert_array_equal, read, params)


def test_a_folder_that_holds_something_is_refused_and_left_alone(
    exported: tuple[ModelSpec, Any, Path],
) -> None:
    spec, params, folder = exported
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UserError, match="new or empty"):
        models.export_huggingface(params, spec, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    with pytest.raises(UserError, match="new or empty"):
        models.export_huggingface(params, spec, folder / "config.json")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model_type", "mistral", "model_type must be 'llama', got 'mistral'"),
        ("rope_scaling", {"rope_type": "llama3"}, "rope_type must be 'default', got 'llama3'"),
        ("hidden_size", None, "must state hidden_size"),
        ("num_hidden_layers", 4, r"model\.layers\.3.* is missing"),
        ("vocab_size", 7, r"'embedding'.*must have shape \(7, 32\), got \(61, 32\)"),
    ],
)
def test_another_architecture_is_refused(
    field: str, value: Any, message: str, tmp_path: Path
) -> None:
    spec = spec_of(2, 2, True)
    (tmp_path / "model").mkdir()  # an empty folder is as good as none
    models.export_huggingface(models.init(spec, jax.random.key(0)), spec, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    fields = json.loads(config.read_text()) | {field: value}
    config.write_text(json.dumps({name: item for name, item in fields.items() if item is not None}))
    with pytest.raises(UserError, match=message):
        models.import_huggingface(tmp_path / "model")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must hold config\.json"):
        models.import_huggingface(tmp_path)


def test_parameters_of_another_model_are_refused(tmp_path: Path) -> None:
    params = models.init(spec_of(2, 2, True), jax.random.key(0))
    with pytest.raises(UserError, match="names differ"):
        models.export_huggingface(params, spec_of(2, 2, False), tmp_path / "model")
    with pytest.raises(UserError, match="must have shape"):
        models.export_huggingface(params, spec_of(4, 2, True), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def _config_with(**changes: Any) -> Any:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def _weights_with(change: Any) -> Any:
    def changed(folder: Path) -> None:
        path = folder / "model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return changed


def _bytes(name: str, content: bytes) -> Any:
    return lambda folder: (folder / name).write_bytes(content)


NAN = np.full((61, 32), np.nan, np.float32)
HOSTILE = {
    "config empty": _bytes("config.json", b""),
    "config no object": _bytes("config.json", b"[1]"),
    "config not UTF-8": _bytes("config.json", b"\xff\xfe{}"),
    "config nested": _bytes("config.json", b"[" * 100_000),
    "config huge": _bytes("config.json", b" " * 2_000_000 + b"{}"),
    "heads a text": _config_with(num_attention_heads="4"),
    "heads none": _config_with(num_attention_heads=None),
    "heads zero": _config_with(num_attention_heads=0),
    "layers negative": _config_with(num_hidden_layers=-1),
    "layers many": _config_with(num_hidden_layers=10**12),
    "vocabulary huge": _config_with(vocab_size=2**62),
    "width beyond integers": _config_with(hidden_size=10**40),
    "epsilon no number": _config_with(rms_norm_eps=float("nan")),
    "rope a list": _config_with(rope_parameters=[1]),
    "weights empty": _bytes("model.safetensors", b""),
    "weights no safetensors": _bytes("model.safetensors", b"\x80\x04pickle" * 99_999),
    "header huge": _bytes("model.safetensors", (2**62).to_bytes(8, "little") + bytes(900_000)),
    "weight NaN": _weights_with(lambda t: t.update({"model.embed_tokens.weight": NAN})),
    "weight an integer": _weights_with(
        lambda t: t.update({"model.norm.weight": np.ones(32, np.int32)})
    ),
    "weight of another shape": _weights_with(
        lambda t: t.update({"model.layers.1.mlp.up_proj.weight": np.ones((3, 3), np.float32)})
    ),
    "weight of three axes": _weights_with(
        lambda t: t.update({"model.norm.weight": np.ones((1, 1, 32), np.float32)})
    ),
    "weight missing": _weights_with(lambda t: t.pop("model.norm.weight")),
}


@pytest.mark.parametrize("damage", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_folder_is_refused_in_one_line(damage: Any, tmp_path: Path) -> None:
    spec = spec_of(4, 4, False)
    models.export_huggingface(models.init(spec, jax.random.key(0)), spec, tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(UserError) as raised:
        models.import_huggingface(tmp_path / "model")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("place", [".", "link", "new/below", "here/"])
def test_an_empty_folder_by_any_name_is_written(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(2, 2, True)
    params = models.init(spec, jax.random.key(0))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "target").mkdir()
    (tmp_path / "link").symlink_to("here/target")
    monkeypatch.chdir(tmp_path / "here" / "target" if place == "." else tmp_path)
    if place == "here/":
        (tmp_path / "here" / "target").rmdir()
    models.export_huggingface(params, spec, place)
    assert models.import_huggingface(place)[0] == spec
    assert not list(tmp_path.rglob(".draft*"))
    mask = os.umask(0)
    os.umask(mask)
    for name in ("config.json", "model.safetensors"):
        assert (Path(place) / name).stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_folder_that_cannot_be_written_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    spec = spec_of(2, 2, True)
    params = models.init(spec, jax.random.key(0))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="name another"):
        models.export_huggingface(params, spec, tmp_path / "file" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
