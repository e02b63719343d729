"""Downstream tasks: a trained run behind the questions of lm-evaluation-harness (extra `eval`)."""

from bestiary.downstream._evaluate import evaluate as evaluate
from bestiary.downstream._likelihoods import Likelihoods as Likelihoods
from bestiary.downstream._likelihoods import Question as Question
from bestiary.downstream._presets import TASK_LISTS as TASK_LISTS
from bestiary.downstream._tasks import asked_for as asked_for
from bestiary.downstream._tasks import load_tasks as load_tasks
