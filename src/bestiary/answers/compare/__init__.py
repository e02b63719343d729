"""What changed between two studies, and whether it is more than noise."""

from bestiary.answers.compare._change import LossChange as LossChange
from bestiary.answers.compare._change import OptimizerChange as OptimizerChange
from bestiary.answers.compare._compare import Comparison as Comparison
from bestiary.answers.compare._compare import compare as compare
from bestiary.answers.compare._targets import TargetChange as TargetChange
from bestiary.answers.compare._targets import compare_targets as compare_targets
