"""The table of commands: what `bestiary --help` prints without importing any of them.

The module of a command imports at its top what its flags need, and inside `run` what computes, so
that help and refusals never wait for JAX, SciPy or plotly.
"""

from typing import NamedTuple


class Command(NamedTuple):
    """One line of `bestiary --help`.

    Attributes:
        module: The module that holds the command's `Flags` and its `run(flags)`.
        summary: One line that says what it does.
    """

    module: str
    summary: str


COMMANDS: dict[str, Command] = {
    "run": Command("bestiary.cli._run", "Run a study, or go on with one, and answer its question."),
    "train": Command("bestiary.cli._train", "Train one model with one optimizer."),
    "plan": Command("bestiary.cli._plan", "Say what a study would cost here; starts nothing."),
    "status": Command("bestiary.cli._status", "Show how far a study is, while it runs or after."),
    "stop": Command("bestiary.cli._stop", "Stop a study, from any terminal; nothing is lost."),
    "worker": Command("bestiary.cli._worker", "Train for a study that runs on another terminal."),
    "verify": Command(
        "bestiary.cli._verify", "Train a sample of a study's runs again, and compare every bit."
    ),
    "serve": Command("bestiary.cli._serve", "Show a study in the browser, while it runs."),
    "track": Command(
        "bestiary.cli._track", "Hand the numbers of runs to TensorBoard, W&B or Trackio."
    ),
    "report": Command(
        "bestiary.cli._report", "Write a study's page and table from what is stored."
    ),
    "studies": Command("bestiary.cli._studies", "List the studies."),
    "optimizers": Command("bestiary.cli._optimizers", "List the optimizers, or show one in full."),
    "sizes": Command("bestiary.cli._sizes", "List the named model sizes."),
    "data": Command(
        "bestiary.cli._data", "Fetch and prepare text as tokens; list, inspect and verify it."
    ),
    "compile": Command(
        "bestiary.cli._compile", "Compile a training step for chips that need not be here."
    ),
    "doctor": Command("bestiary.cli._doctor", "Check this machine: devices, disk, determinism."),
    "evaluate": Command(
        "bestiary.cli._evaluate", "Ask a trained model the questions of downstream tasks."
    ),
    "export": Command("bestiary.cli._export", "Write a trained model as a Hugging Face folder."),
    "check": Command("bestiary.cli._check", "Check a claim against results."),
    "advise": Command("bestiary.cli._advise", "Say what to train a larger model with."),
    "crossover": Command(
        "bestiary.cli._crossover", "Find where the ranking of two optimizers changes."
    ),
    "power": Command("bestiary.cli._power", "Say how many seeds and cells resolve a speedup."),
    "compare": Command("bestiary.cli._compare", "Say what changed between two studies."),
    "laws": Command("bestiary.cli._laws", "Show the laws that results support, and how sure."),
    "reproduce": Command(
        "bestiary.cli._reproduce", "Reproduce a published study from its own numbers."
    ),
    "import": Command("bestiary.cli._import", "Import published or anybody's results."),
    "completion": Command("bestiary.cli._completion", "Let your shell complete all of this."),
}

INTRODUCTION = (
    "Which optimizer trains your language model fastest, by how much, and how sure is that?"
)


def top_help() -> str:
    """The text of `bestiary --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: bestiary COMMAND [OPTIONS]",
            "",
            INTRODUCTION,
            "",
            "commands:",
            *lines,
            "",
            "`bestiary COMMAND --help` lists a command's options; `bestiary run quickstart` is a",
            "good start. Exit codes: 0 done, 1 a failure, 2 a mistake in what was asked.",
        ]
    )
