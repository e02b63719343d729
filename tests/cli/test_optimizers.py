"""`bestiary optimizers show NAME --size SIZE` prints the routing."""

import json

import pytest

from bestiary.cli import main


@pytest.mark.slow
def test_the_routing_of_a_size_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["optimizers", "show", "muon", "--size", "130m", "--set", "iterations=5"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    routing = {row["path"]: row for row in json.loads(capsys.readouterr().out)["routing"]}
    assert set(routing) >= {"embedding", "head", "final_norm", "layers/q", "layers/down"}
    assert all(path in text for path in routing)
    query, embedding = routing["layers/q"], routing["embedding"]
    assert (query["rule"], query["shape"], query["decay"]) == ("muon", "32 x 512 x 512", 0.1)
    assert (embedding["rule"], embedding["decay"]) == ("adamw", "no")
    assert embedding["learning_rate_factor"] == pytest.approx(0.2)
    assert (query["state_bytes"], embedding["state_bytes"]) == pytest.approx((4, 8), rel=1e-4)
    assert sum(row["flops_percent"] for row in routing.values()) == pytest.approx(0.267, abs=0.003)
    assert "130m: 1,587.8 MB of state, 0.268% of the FLOPs" in text


@pytest.mark.slow
def test_grouped_heads_and_a_tied_table_are_routed(capsys: pytest.CaptureFixture[str]) -> None:
    shape = ["--shape.heads", "2", "--shape.key-value-heads", "1", "--shape.tied"]
    command = ["optimizers", "show", "adam_mini", "--size", "8k", *shape, "--json"]
    assert main(command) == 0
    routing = {row["path"]: row for row in json.loads(capsys.readouterr().out)["routing"]}
    assert "head" not in routing
    assert routing["embedding"]["decay"] == "no"
    # One second moment for each head: two of queries, one of keys, in each of two layers.
    moments = {
        path: row["parameters"] * (row["state_bytes"] / 4 - 1) for path, row in routing.items()
    }
    assert (moments["layers/q"], moments["layers/k"]) == pytest.approx((4, 2))


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["--size", "130"], "did you mean '130m'?"),
        (["--set", "iterations=5"], "add --size 130m"),
        (["--shape.tied"], "add --size 130m"),
        (["--size", "8k", "--shape.heads", "3"], "hidden must be heads times an even head width"),
        (["--size", "8k", "--set", "iteration=5"], "did you mean 'iterations'?"),
    ],
)
def test_a_mistake_gets_one_line(
    arguments: list[str], cure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["optimizers", "show", "muon", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert cure in line


@pytest.mark.parametrize(("name", "studied"), [("soap", True), ("normuon", False)])
def test_whose_starting_point_it_is_is_said(
    name: str, studied: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["optimizers", "show", name]) == 0
    assert ("the study did not run it" in capsys.readouterr().out) != studied
    assert main(["optimizers", "show", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["studied"] == studied
