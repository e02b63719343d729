"""The end of a study: what cannot be written costs none of its runs, and the advice is possible."""

import resource
from pathlib import Path

import pytest
from tests.tune.study import study

from bestiary.cli import _answer, _run
from bestiary.errors import BestiaryError, UserError
from bestiary.report._page import save
from bestiary.store import StudyStore


def test_a_disk_that_is_full_at_the_end_does_not_advise_another_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out` of `run` names the study; the page's place is an option of `report`."""

    def full(store: StudyStore, page: Path, *, as_json: bool) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            save("x" * 100_000, page, "--out")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(_answer, "conclude", full)
    with StudyStore.create(tmp_path, study()) as store:
        with pytest.raises(BestiaryError, match="every run is done and kept, but") as raised:
            _run._conclude(store, as_json=False)
        assert not isinstance(raised.value, UserError)
        said = str(raised.value)
        assert "File too large; free space there, then `bestiary report" in said
        assert "choose another --out" not in said
        assert sorted(path.name for path in tmp_path.iterdir()) == ["study.sqlite"]
