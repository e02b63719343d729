"""From the name of a study and some text to the `Study` that is asked."""

import difflib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from bestiary.cli._corpora import prepared
from bestiary.data import Corpus, described
from bestiary.errors import UserError, unknown
from bestiary.specs import Candidate, DataSpec, Spec, Study, Tuning, checked
from bestiary.studies import STUDIES, lookup, made_now, sliced, study_file

NO_CORPUS = DataSpec(name="none", digest="0" * 64)
Build = Callable[[DataSpec], Study]


class StudyPart(Spec, frozen=True, kw_only=True):
    """A slice of a study, as the command line states it: names with commas between them.

    Attributes:
        sizes: Of its sizes; all where empty.
        optimizers: Of its candidates; all where empty.
        ratios: Of its data-to-model ratios; all where empty.
    """

    sizes: str = ""
    optimizers: str = ""
    ratios: str = ""

    def of(self, study: Study) -> Study:
        """The slice.

        Raises:
            UserError: a ratio that is no number, a name that the study has not, or nothing is left
                to tune.
        """
        try:
            ratios = [float(one.removesuffix("x")) for one in _listed(self.ratios)]
        except ValueError:
            raise UserError(
                f"--ratios takes numbers with commas, such as 1,2, got {self.ratios!r}"
            ) from None
        return sliced(
            study, sizes=_listed(self.sizes), optimizers=_listed(self.optimizers), ratios=ratios
        )


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


WHOLE = StudyPart()


def asked(
    name: str | Build, data: Sequence[str], tokenizer: str, part: StudyPart = WHOLE
) -> tuple[Study, Corpus]:
    """The study on this text, which is prepared where it is not yet, and the text.

    Args:
        name: A named study, `FILE.toml` or `FILE.py:FUNCTION` for one's own, or such a function.
        data: Sources, each as `bestiary.data.described` takes it; none for the standard library.
        tokenizer: `byte`, or the path of a tokenizer.json.
        part: Which slice of it.

    Raises:
        UserError: no such study, or text that cannot be used for its models.
    """
    question = without_corpus(name, part)
    check_text(question, data, tokenizer)
    shapes = question.sizes.values()
    corpus = prepared(data, tokenizer=tokenizer, vocabulary=min(m.vocabulary for m in shapes))
    corpus.require(max(model.context for model in shapes))
    return part.of(_study(name, corpus.spec)), corpus


def check_text(study: Study, data: Sequence[str], tokenizer: str) -> None:
    """Refuse text of other tokens than the study's models have, before it is read.

    Args:
        study: The question.
        data: Sources, each as `bestiary.data.described` takes it; none for the standard library.
        tokenizer: `byte`, or the path of a tokenizer.json.

    Raises:
        UserError: the study is for other tokens.
    """
    if data and all(described(line).is_tokens for line in data):
        return
    ids = max(model.vocabulary for model in study.sizes.values())
    cure = "give --data and its --tokenizer (a tokenizer.json), or tokens as .bin"
    if tokenizer == "byte" and study.tokenizer not in ("", "byte"):
        raise UserError(f"{study.name} is for {study.tokenizer} tokens, {ids:,} ids; {cure}")
    if tokenizer == "byte" and study.tokenizer == "" and ids != 256:
        raise UserError(
            f"bytes are 256 ids, but models of {study.name} have {ids:,}; {cure}, or say "
            'tokenizer="byte" in the study'
        )
    if tokenizer != "byte" and study.tokenizer == "byte":
        raise UserError(
            f"{study.name} is for bytes, got --tokenizer {tokenizer[:80]}; leave it out"
        )


def without_corpus(name: str | Build, part: StudyPart = WHOLE) -> Study:
    """The study on no text: enough to say what would run, and to refuse what cannot.

    Raises:
        UserError: no study was named, or none of that name exists.
    """
    if not name:
        raise UserError(f"name a study: {', '.join(STUDIES)}, or your own as FILE.toml")
    return part.of(_study(name, NO_CORPUS))


def _study(name: str | Build, data: DataSpec) -> Study:
    called = str(getattr(name, "__name__", name))
    build = _build(name)
    study = build(data) if name in STUDIES else _made(build, called, data)
    if not isinstance(study, Study):
        raise UserError(f"{called} must return a Study, got {type(study).__name__}")
    return checked(made_now(study))


def _made(build: Build, called: str, data: DataSpec) -> object:
    """What somebody's own function returns; its errors are one line of theirs."""
    try:
        return build(data)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{called} makes no study: {told_of(error, called.partition(':')[0])}"
        ) from error


def _build(name: str | Build) -> Build:
    if not isinstance(name, str):
        return name
    if name.endswith(".toml"):
        return study_file(Path(name))
    if name.endswith(".py"):
        raise UserError(f"name the function too, as {name}:FUNCTION")
    path, colon, function = name.rpartition(":")
    return _own(Path(path), function) if colon else lookup(name).build


def told_of(error: BaseException, path: str) -> str:
    """One line on an error of somebody's file: where it came from, and a field that was meant."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [one.lineno for one in frames if Path(one.filename).name == Path(path).name]
    where = f" (line {lines[-1]} of {path})" if lines else ""
    wrong = re.search(r"(?:keyword argument|no field) ['`](\w+)['`]", text)
    known = {field for kind in (Study, Tuning, Candidate) for field in kind.__struct_fields__}
    near = difflib.get_close_matches(wrong[1], known, n=1) if wrong else []
    return text + where + (f"; did you mean {near[0]!r}?" if near else "")


def _own(path: Path, function: str) -> Build:
    """A function of the user's own Python file, which is run to get it."""
    if not path.is_file():
        raise UserError(f"no file {path}; name a study as FILE.py:FUNCTION")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise UserError(f"a study is a Python file, got {path}; name it FILE.py:FUNCTION")
    module = importlib.util.module_from_spec(specification)
    sys.path.insert(0, str(path.absolute().parent))  # as `python FILE.py` finds what is beside it
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's file does wrong is theirs to see
        raise UserError(f"{path} cannot be run: {told_of(error, str(path))}") from error
    finally:
        sys.path.pop(0)
    own = {key: value for key, value in vars(module).items() if callable(value)}
    if function not in own:
        raise unknown(f"function in {path}", function, own)
    return own[function]
