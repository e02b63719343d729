"""The importer: what it reads equals what was written, and every refusal names row and column."""

import csv
import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.errors import UserError
from bestiary.store import (
    Mapping,
    foreign_imports,
    import_file,
    import_into,
    load_mapping,
    mapping,
)

HEADER = "opt,model,x,val_loss,lr,seed"
HEADER_SEMICOLON = HEADER.replace(",", ";")
ROWS = (
    "AdamW (fused),130m,1,3.53,0.008,0",
    "AdamW (fused),130m,2,3.41,0.008,0",
    "muon,130m,1,3.46,0.016,0",
    "muon,130m,2,3.37,0.016,0",
)


def stated(**changes: Any) -> dict[str, Any]:
    return {
        "origin": {"source": "ours", "url": "https://example.org", "licence": "CC-BY-4.0"},
        "unit": {"name": "nats_per_token"},
        "columns": {
            "optimizer": "opt",
            "size": "model",
            "ratio": "x",
            "loss": "val_loss",
            "seed": "seed",
        },
        "settings": {"learning_rate": "lr"},
        "rename": {"optimizer": {"AdamW (fused)": "adamw"}},
    } | changes


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "ours.csv"
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def refusal(path: Path, how: Mapping) -> str:
    with pytest.raises(UserError) as caught:
        import_file(path, how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_rows_become_results_with_their_place(tmp_path: Path) -> None:
    imported = import_file(written(tmp_path, *ROWS), mapping(stated()))
    first = imported.results[0]
    assert (first.optimizer, first.size, first.ratio, first.loss) == ("adamw", "130m", 1.0, 3.53)
    assert (first.file, first.row, first.seed) == ("ours.csv", 2, 0)
    assert first.settings == {"learning_rate": 0.008}
    assert imported.origin.licence == "CC-BY-4.0"
    assert imported.baseline == "adamw"
    other = import_file(written(tmp_path, *ROWS), mapping(stated(baseline="muon")))
    import_into(tmp_path / "kept", other)
    assert foreign_imports(tmp_path / "kept") == (other,)


def test_csv_json_and_json_lines_say_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, *ROWS)
    items = list(csv.DictReader(path.read_text().splitlines()))
    (tmp_path / "ours.json").write_text(json.dumps(items))
    (tmp_path / "ours.jsonl").write_text("\n".join(json.dumps(item) for item in items))
    read = [
        import_file(tmp_path / f"ours{suffix}", mapping(stated())).results
        for suffix in (".csv", ".json", ".jsonl")
    ]
    plain = [[(row.optimizer, row.ratio, row.loss, row.settings) for row in rows] for rows in read]
    assert plain[0] == plain[1] == plain[2]


@pytest.mark.parametrize(
    ("unit", "nats"),
    [
        ({"name": "nats_per_token"}, 2.0),
        ({"name": "bits_per_token"}, 2 * math.log(2)),
        ({"name": "nats_per_byte", "bytes_per_token": 4.5}, 9.0),
        ({"name": "bits_per_byte", "bytes_per_token": 4.5}, 9 * math.log(2)),
        ({"name": "scaled", "factor": 1.5}, 3.0),
        ({"name": "perplexity"}, math.log(2)),
    ],
)
def test_units_become_nats_per_token(tmp_path: Path, unit: dict[str, Any], nats: float) -> None:
    path = written(tmp_path, "adamw,130m,1,2.0,0.008,0")
    (row,) = import_file(path, mapping(stated(unit=unit))).results
    assert row.loss == pytest.approx(nats, rel=1e-15)


def test_ratio_follows_from_tokens_and_parameters(tmp_path: Path) -> None:
    columns = {"optimizer": "opt", "size": "model", "loss": "val_loss", "tokens": "x"}
    rows = ("adamw,130m,5368709120,3.4,0.008,0", "adamw,ours,2000,3.4,0.008,1")
    how = mapping(stated(columns=columns))
    assert "row 3 column 'model': size has no known N" in refusal(written(tmp_path, *rows), how)
    assert import_file(written(tmp_path, rows[0]), how).results[0].ratio == 2.0
    how = mapping(stated(columns=columns, constants={"parameters": 50}))
    assert import_file(written(tmp_path, rows[1]), how).results[0].ratio == 2.0


def test_what_cannot_be_concluded_is_said(tmp_path: Path) -> None:
    rows = (*ROWS, "lion,130m,1,nan,0.1,0", "muon,300m,1,3.22,0.008,0")
    how = mapping(stated(non_finite="diverged"))
    notes = import_file(written(tmp_path, *rows), how).notes
    assert "lion at 130m: none of 1 runs finished, so there is no loss to compare" in notes
    assert "adamw has no finished run at 300m, so no speedup can be stated there" in notes
    assert import_file(written(tmp_path, *ROWS), how).notes == (
        "all results are at one size (130m): nothing follows about others",
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("adamw,130m,1,nan,0.008,0", "row 6 column 'val_loss': loss must be finite"),
        ("adamw,130m,1,inf,0.008,0", "row 6 column 'val_loss': loss must be finite"),
        ("adamw,130m,1,,0.008,0", "row 6 column 'val_loss': loss must not be empty"),
        ("adamw,130m,1,low,0.008,0", "row 6 column 'val_loss': loss must be a number, got 'low'"),
        ("adamw,130m,1,-3,0.008,0", "row 6 column 'val_loss': loss must be above 0"),
        ("adamw,130m,0,3.5,0.008,0", "row 6 column 'x': ratio must be finite and above 0, got '0'"),
        ("adamw,130m,1e7,3.5,0.008,0", "row 6 column 'x': ratio must be 1e-06 to 1e+06, got"),
        ("adamw,130m,1e-9,3.5,0.008,0", "row 6 column 'x': ratio must be 1e-06 to 1e+06, got"),
        ("adamw,130m,1,3.5,inf,0", "row 6 column 'lr': a hyperparameter must be finite"),
        ("adamw,130m,1,3.5,0.008,0.5", "row 6 column 'seed': seed must be a whole number"),
        (",130m,1,3.5,0.008,0", "row 6 column 'opt': optimizer must not be empty"),
        ("adamw,130m,1,3.5", "row 6: expected 6 columns as in the header, got 4"),
        (ROWS[2], "row 6 repeats row 4; remove one of them"),
        (HEADER, "row 6 is the header again; remove it"),
        ("adamw,130m,1,'3,5',0.008,0", "row 6: expected 6 columns"),
        ("muon,130m,1,3.40,0.016,0", "row 6 contradicts row 4"),
    ],
)
def test_a_bad_row_is_refused_by_row_and_column(tmp_path: Path, row: str, message: str) -> None:
    assert message in refusal(written(tmp_path, *ROWS, row), mapping(stated()))


def test_a_missing_column_is_named_with_its_neighbour(tmp_path: Path) -> None:
    how = mapping(stated(settings={"learning_rate": "lrr"}))
    message = refusal(written(tmp_path, *ROWS), how)
    assert "'learning_rate' from an unknown column 'lrr'; did you mean 'lr'?" in message


def test_a_missing_baseline_names_the_column_and_what_is_there(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, *ROWS[2:]), mapping(stated()))
    assert "column 'opt': the baseline 'adamw' does not occur, only muon" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": {"name": "nats"}}, "Invalid enum value 'nats'"),
        ({"unit": {"name": "bits_per_byte"}}, "bytes_per_token belongs to a loss per byte"),
        ({"unit": {"name": "scaled"}}, "factor belongs to the unit 'scaled'"),
        ({"columns": {"optimiser": "opt"}}, "did you mean 'optimizer'?"),
        ({"columns": {"optimizer": "opt", "size": "m", "ratio": "x"}}, "where 'loss' is"),
        ({"constants": {"size": "130m"}}, "'size' is both a column and a constant"),
        ({"preset": "wanb"}, "unknown preset 'wanb'; did you mean 'wandb'?"),
        ({"colums": {}}, "unknown field `colums`"),
        ({"thousands": "."}, "decimal and thousands must differ, got '.' for both"),
    ],
)
def test_a_bad_mapping_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        mapping(stated(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no rows"),
        (b"a,b\n", "has no rows"),
        (b"a,a\n1,2\n", "got 'a' twice"),
        (b"\xff\xfe\x00", "UTF-8"),
        (",".join(f"c{n}" for n in range(100_000)).encode() + b"\n1\n", "expected 100000 columns"),
    ],
    ids=["empty", "a header", "twice", "UTF-16", "very many columns"],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "ours.csv").write_bytes(content)
    assert message in refusal(tmp_path / "ours.csv", mapping(stated()))


def test_a_number_of_thousands_of_digits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ours.json"
    path.write_text(f'[{{"x": {"9" * 5000}}}]')
    assert "ours.json: not JSON: Exceeds the limit" in refusal(path, mapping(stated()))


@pytest.mark.parametrize(
    ("parameters", "tokens", "message"),
    [
        ("1e300", "1e9", "column 'n': parameters must be 1 to 1e+15"),
        ("1e-300", "1e9", "column 'n': parameters must be 1 to 1e+15"),
        ("1e8", "1e19", "column 't': tokens must be 1 to 1e+18"),
        ("1", "1e17", "column 't': tokens for 1 parameters must make 1e-06 to 1e+06 times 20 N"),
    ],
)
def test_sizes_that_no_model_has_are_refused(
    tmp_path: Path, parameters: str, tokens: str, message: str
) -> None:
    """Their logarithms would be of any size, and no law of them could be fitted."""
    path = tmp_path / "ours.csv"
    path.write_text(f"opt,m,n,t,val_loss\nadamw,s,{parameters},{tokens},3.5\n")
    columns = {"optimizer": "opt", "size": "m", "parameters": "n", "tokens": "t"}
    how = mapping(stated(columns=columns | {"loss": "val_loss"}, settings={}))
    assert message in refusal(path, how)


def plain(path: Path, **changes: Any) -> list[tuple[Any, ...]]:
    results = import_file(path, mapping(stated(**changes))).results
    return [(row.optimizer, row.ratio, row.loss, row.settings, row.row) for row in results]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_delimiter_is_read_off_the_header(tmp_path: Path, delimiter: str) -> None:
    expected = plain(written(tmp_path, *ROWS))
    text = "\n".join((HEADER, *ROWS)).replace(",", delimiter)
    for name in ("other.csv", "other.tsv", "OTHER.CSV"):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert plain(tmp_path / name) == expected


def test_a_gzip_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    path = written(tmp_path, *ROWS)
    packed = gzip.compress(path.read_bytes())
    (tmp_path / "ours.csv.gz").write_bytes(packed)
    assert plain(tmp_path / "ours.csv.gz") == plain(path)
    for damaged in (packed[:-9], packed[:20] + b"?" + packed[21:], path.read_bytes()):
        (tmp_path / "ours.csv.gz").write_bytes(damaged)
        assert "must be readable" in refusal(tmp_path / "ours.csv.gz", mapping(stated()))


@pytest.mark.parametrize(
    ("written_as", "changes"),
    [
        ("2,684.5", {"thousands": ","}),
        ("2684,5", {"decimal": ","}),
        ("2.684,5", {"decimal": ",", "thousands": "."}),
        ("2 684.5", {"thousands": " "}),
    ],
)
def test_numbers_are_read_as_declared(
    tmp_path: Path, written_as: str, changes: dict[str, str]
) -> None:
    path = written(tmp_path, f"adamw;130m;1;{written_as};{written_as};0", header=HEADER_SEMICOLON)
    ((*_, loss, settings, _),) = plain(path, unit={"name": "scaled", "factor": 1e-3}, **changes)
    assert (loss, settings) == (pytest.approx(2.6845), {"learning_rate": 2684.5})


@pytest.mark.parametrize("loss", ["2,684.5", "3,53", "26,84.5"])
def test_a_number_that_is_not_as_declared_is_refused(tmp_path: Path, loss: str) -> None:
    path = written(tmp_path, f"adamw;130m;1;{loss};0.1;0", header=HEADER_SEMICOLON)
    message = refusal(path, mapping(stated()))
    assert "row 2 column 'val_loss': loss must be a number; or declare thousands" in message
    if loss != "2,684.5":
        assert "must be a number" in refusal(path, mapping(stated(thousands=",")))


def test_values_of_json_are_not_taken_for_numbers(tmp_path: Path) -> None:
    item = {"opt": "adamw", "model": "130m", "x": 1, "val_loss": True, "lr": None, "seed": 0}
    (tmp_path / "ours.json").write_text(json.dumps([item]))
    message = refusal(tmp_path / "ours.json", mapping(stated()))
    assert "row 1 column 'val_loss': loss must be a number, got True" in message


def test_the_nameless_column_of_an_index_is_no_field(tmp_path: Path) -> None:
    header = f",{HEADER.replace(',seed', '')}"
    columns = {"optimizer": "opt", "size": "model", "loss": "val_loss", "tokens": "x"}
    path = written(tmp_path, "0,adamw,130m,2684354560,3.5,0.1", header=header)
    (row,) = import_file(path, mapping(stated(columns=columns))).results
    assert (row.ratio, row.seed) == (1.0, None)


def test_dictionaries_in_cells_are_named(tmp_path: Path) -> None:
    # What the export recipe of Weights & Biases writes: whole dictionaries in two columns.
    (tmp_path / "ours.csv").write_text("name,config\nrun-1,\"{'lr': 0.1}\"\n")
    message = refusal(tmp_path / "ours.csv", mapping(stated()))
    assert "column 'config' holds dictionaries as text: export them as JSON" in message


WANDB_CSV = """\
"Name","State","User","Runtime","optimizer","size","tokens","lr","eval/loss"
"run-1","finished","me","100","adamw","130m","2684354560","0.008","3.53"
"run-2","crashed","me","10","adamw","130m","2684354560","0.008",""
"run-3","finished","me","100","adamw","130m","2684354560","0.008","3.54"
"""
WANDB_MAPPING = """\
preset = "wandb"
[origin]
source = "wandb export"
[unit]
name = "nats_per_token"
[columns]
optimizer = "optimizer"
size = "size"
tokens = "tokens"
loss = "eval/loss"
[settings]
learning_rate = "lr"
"""


def test_a_wandb_table_needs_only_its_columns(tmp_path: Path) -> None:
    (tmp_path / "how.toml").write_text(WANDB_MAPPING)
    (tmp_path / "runs.csv").write_text(WANDB_CSV)
    results = import_file(tmp_path / "runs.csv", load_mapping(tmp_path / "how.toml")).results
    assert [(row.state, row.loss) for row in results] == [
        ("done", 3.53),
        ("unfinished", None),
        ("done", 3.54),
    ]
    assert (results[0].ratio, results[0].settings) == (1.0, {"learning_rate": 0.008})


def test_wandb_runs_of_the_api_are_flattened(tmp_path: Path) -> None:
    config = {"optimizer": "adamw", "size": "130m", "tokens": 2684354560, "optim": {"lr": 0.008}}
    columns = {"loss": "summary.eval/loss"}
    columns |= {field: f"config.{field}" for field in ("optimizer", "size", "tokens")}
    how = {"preset": "wandb_json", "columns": columns, "unit": {"name": "nats_per_token"}}
    (tmp_path / "how.json").write_text(json.dumps(how | {"origin": {"source": "wandb"}}))
    run = {"name": "run-1", "state": "finished", "config": config, "summary": {"eval/loss": 3.53}}
    (tmp_path / "runs.json").write_text(json.dumps([run]))
    (row,) = import_file(tmp_path / "runs.json", load_mapping(tmp_path / "how.json")).results
    assert (row.ratio, row.loss, row.settings) == (1.0, 3.53, {"learning_rate": 0.008})
    (tmp_path / "runs.json").write_text(json.dumps([run | {"state": "resting"}]))
    message = refusal(tmp_path / "runs.json", load_mapping(tmp_path / "how.json"))
    assert "row 1 column 'state': state must be one of" in message


def test_the_history_of_the_api_gives_curves(tmp_path: Path) -> None:
    # As `scan_history` gives it: most rows have no validation loss, and NaN is a string.
    columns = {field: f"config.{field}" for field in ("optimizer", "size", "seed")}
    columns |= {"loss": "val/loss", "tokens": "tokens", "progress": "_step"}
    how = {"preset": "wandb_json", "columns": columns, "unit": {"name": "nats_per_token"}}
    how |= {"empty": "unfinished", "non_finite": "diverged", "tags": ["name"]}
    head = {"state": "finished", "config": {"optimizer": "adamw", "size": "130m", "seed": 0}}
    rows = [
        head | {"name": name, "_step": step, "tokens": 2684354560 * step // 40, "val/loss": loss}
        for name, losses in {
            "good": (None, 3.6, None, 3.5),
            "bad": (4.0, "NaN", None, None),
        }.items()
        for step, loss in zip((10, 20, 30, 40), losses, strict=True)
    ]
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    good, bad = import_file(path, mapping(how | {"origin": {"source": "wandb"}})).results
    assert (good.ratio, good.loss, good.curve) == (1.0, 3.5, ((20.0, 3.6), (40.0, 3.5)))
    assert (bad.state, bad.loss, bad.curve) == ("diverged", None, ((10.0, 4.0),))


def test_the_mapping_on_the_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
    (tmp_path / "how.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    assert load_mapping(tmp_path / "how.toml").unit.bytes_per_token == 4.4


losses = st.floats(0.01, 12.0)
# Ratios within 1% of each other would be read as one.
ratios = st.integers(0, 60).map(lambda step: 0.01 * 1.13**step)
tables = st.lists(st.tuples(st.sampled_from(["adamw", "muon"]), ratios, losses), min_size=1)


@given(tables)
@settings(max_examples=40, deadline=None)
def test_every_finite_table_is_read_without_loss(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, float, float]]
) -> None:
    lines = [
        f"{name},130m,{ratio!r},{loss!r},0.1,{seed}"
        for seed, (name, ratio, loss) in enumerate(table)
    ]
    path = written(tmp_path_factory.mktemp("table"), "adamw,130m,1e4,3.5,0.1,99", *lines)
    results = import_file(path, mapping(stated())).results[1:]
    assert [(row.optimizer, row.ratio, row.loss) for row in results] == table
    assert [row.row for row in results] == list(range(3, 3 + len(table)))


def test_a_long_value_is_not_shown_whole(tmp_path: Path) -> None:
    path = written(tmp_path, f"adamw,130m,1,{'x' * 5000},0.1,0")
    assert len(refusal(path, mapping(stated()))) < 120


def test_a_column_of_two_lines_is_named_in_one(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2", header='x,"two\nlines"')
    assert "two lines" in refusal(path, mapping(stated()))


def test_a_wide_table_is_not_listed_whole(tmp_path: Path) -> None:
    columns = [f"config.column_{number}" for number in range(300)]
    path = written(tmp_path, ",".join("1" for _ in columns), header=",".join(columns))
    message = refusal(path, mapping(stated()))
    assert message.endswith("and 260 more")


cells = st.sampled_from(
    ["adamw", "130m", "1", "3.5", "", "nan", "-1", "1e400", '"', "{", "é", "0x1"]
)
lines = st.lists(st.lists(cells, min_size=5, max_size=7).map(",".join), max_size=4)
odd = st.sampled_from(["adamw", "", 1, "2", 3.5, None, True, 10**400, 2**70, -1.0, [], {}])
documents = st.one_of(
    st.binary(max_size=60),
    lines.map(lambda rows: "\n".join((HEADER, *rows)).encode()),
    st.fixed_dictionaries(
        {"opt": st.just("adamw")} | dict.fromkeys(HEADER.split(",")[1:], odd)
    ).map(lambda row: json.dumps([row]).encode()),
    st.just(b"[" * 100_000),
)


@pytest.mark.slow
@given(st.sampled_from([".csv", ".tsv", ".json", ".jsonl", ".csv.gz"]), documents)
@settings(max_examples=150, deadline=None)
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / f"ours{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    message = ""
    try:
        imported = import_file(path, mapping(stated(baseline="adamw", settings_prefix="l")))
    except UserError as error:
        message = str(error)
    else:
        import_into(path.parent / "kept", imported)
        assert foreign_imports(path.parent / "kept") == (imported,)
    assert "\n" not in message


@pytest.mark.parametrize("absent", ["", "nan", "NaN", "None", "-", "n/a"])
def test_what_an_optimizer_does_not_have_is_not_there(tmp_path: Path, absent: str) -> None:
    rows = (*ROWS[:3], f"muon,130m,2,3.37,{absent},0")
    assert import_file(written(tmp_path, *rows), mapping(stated())).results[-1].settings == {}
    path = tmp_path / "ours.json"
    names = HEADER.split(",")
    values = [[*row.split(",")[:3], *map(float, row.split(",")[3:])] for row in ROWS]
    values[-1][4] = math.nan
    path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in values]))
    assert import_file(path, mapping(stated())).results[-1].settings == {}


@pytest.mark.parametrize(
    "text",
    [
        # Columns without a name, as a spreadsheet leaves them; rows without a value; spaces after
        # commas; carriage returns alone; a log in a column that nobody maps.
        "\n".join([f"{HEADER},,", *(f"{row},," for row in ROWS)]),
        "\n".join([HEADER, *ROWS, ",,,,,", " , , , , , "]),
        "\n".join([HEADER.replace(",", ", "), *ROWS]),
        "\r".join([HEADER, *ROWS]),
        "\n".join([f"{HEADER},log", *(f"{row},{'x' * 140_000}" for row in ROWS)]),
    ],
    ids=["unnamed columns", "blank rows", "spaces", "carriage returns", "long cells"],
)
def test_tables_as_people_have_them_are_read(tmp_path: Path, text: str) -> None:
    plain = import_file(written(tmp_path, *ROWS), mapping(stated())).results
    path = tmp_path / "ours.csv"
    path.write_text(text, newline="")
    assert import_file(path, mapping(stated())).results == plain


def test_a_newline_alone_ends_a_line_of_json(tmp_path: Path) -> None:
    path, names = tmp_path / "ours.jsonl", HEADER.split(",")
    rows = [dict(zip(names, row.split(","), strict=True)) for row in ROWS]
    rows[0]["note"] = "a\u2028b\u2029c\u0085d"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    assert len(import_file(path, mapping(stated())).results) == len(ROWS)


def test_what_diverged_is_said_at_the_import(tmp_path: Path) -> None:
    how = mapping(stated(non_finite="diverged"))
    rows = (*ROWS, "muon,130m,1,nan,0.016,1", "muon,130m,2,inf,0.016,1")
    assert "muon: 2 of 4 runs diverged" in import_file(written(tmp_path, *rows), how).notes


def test_a_loss_above_guessing_is_refused_with_the_unit_it_may_be_in(tmp_path: Path) -> None:
    path = written(tmp_path, *ROWS[:2], "muon,130m,1,33.1,0.016,0", "muon,130m,2,29.4,0.016,0")
    message = refusal(path, mapping(stated()))
    assert "row 4 column 'val_loss': a loss of 33.1 nats per token is above 12.48" in message
    assert 'declare [unit] name = "perplexity"' in message
    read = import_file(path, mapping(stated(diverged_above=6.0)))
    assert [one.state for one in read.results] == ["done", "done", "diverged", "diverged"]
    perplexed = written(tmp_path, *(line.replace(",3.", ",33.") for line in ROWS))
    (first, *_) = import_file(perplexed, mapping(stated(unit={"name": "perplexity"}))).results
    assert first.loss == pytest.approx(math.log(33.53))


def test_losses_as_high_as_perplexities_are_asked_about(tmp_path: Path) -> None:
    path = written(tmp_path, *(line.replace(",3.", ",9.") for line in ROWS))
    assert any(
        "if they are perplexities" in note for note in import_file(path, mapping(stated())).notes
    )
    assert not any(
        "perplexities" in note
        for note in import_file(written(tmp_path, *ROWS), mapping(stated())).notes
    )


def test_nested_names_of_a_tracker_are_ours(tmp_path: Path) -> None:
    rows = [
        {
            "optimizer": name,
            "size": "130m",
            "ratio": 1.0,
            "loss": 3.5,
            "config": {"optimizer": {"lr": 0.01, "wd": 0.1}, "data": {"batch_size": 8}},
        }
        for name in ("adamw", "muon")
    ]
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(rows))
    columns = {name: name for name in ("optimizer", "size", "ratio", "loss")}
    how = stated(columns=columns, settings={}, settings_prefix="config.", rename={})
    found = import_file(path, mapping(how)).results[0].settings
    assert found == {"learning_rate": 0.01, "weight_decay": 0.1, "batch_size": 8}
    # What is declared comes first, and two that could be meant stay as they are.
    declared = mapping(how | {"settings": {"learning_rate": "config.optimizer.wd"}})
    assert import_file(path, declared).results[0].settings["learning_rate"] == 0.1


def test_the_export_of_a_chart_is_recognised(tmp_path: Path) -> None:
    names = [f"run-{i} - val/loss{end}" for i in (1, 2) for end in ("", "__MIN", "__MAX")]
    path = written(tmp_path, "1,3,3,3,3,3,3", header=",".join(["Step", *names]))
    message = refusal(path, mapping(stated()))
    assert "is the export of a chart, one column a run ('run-1 - val/loss')" in message
    assert "did you mean" not in message
    # Without the columns of least and greatest values, which people delete.
    plain = written(tmp_path, "1,3,3", header="Step,run-1 - val/loss,run-2 - val/loss")
    message = refusal(plain, mapping(stated()))
    assert "is the export of a chart, one column a run ('run-1 - val/loss')" in message


def test_seconds_of_a_step_are_kept(tmp_path: Path) -> None:
    path = written(
        tmp_path, *(f"{line},{0.5 + i}" for i, line in enumerate(ROWS)), header=HEADER + ",dt"
    )
    how = mapping(stated(columns=stated()["columns"] | {"step_seconds": "dt"}))
    assert [one.step_seconds for one in import_file(path, how).results] == [0.5, 1.5, 2.5, 3.5]
