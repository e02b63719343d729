"""Training: equal-shaped runs in, their results out, through one compiled program."""

from bestiary.store import metrics_file as metrics_file
from bestiary.train._checkpoints import CheckpointError as CheckpointError
from bestiary.train._checks import check_run as check_run
from bestiary.train._checks import checkpoint_bytes as checkpoint_bytes
from bestiary.train._collectives import collectives as collectives
from bestiary.train._compilation import cache_folder as cache_folder
from bestiary.train._compilation import enable_compilation_cache as enable_compilation_cache
from bestiary.train._compiled import CompiledStep as CompiledStep
from bestiary.train._compiled import compiled_for as compiled_for
from bestiary.train._environment import environment as environment
from bestiary.train._kernels import chosen_kernels as chosen_kernels
from bestiary.train._kernels import kernels_here as kernels_here
from bestiary.train._mesh import chosen_placement as chosen_placement
from bestiary.train._metrics import Metric as Metric
from bestiary.train._metrics import read_metrics as read_metrics
from bestiary.train._parts import optimizer_collectives as optimizer_collectives
from bestiary.train._peers import join_peers as join_peers
from bestiary.train._peers import leads as leads
from bestiary.train._policy import Policy as Policy
from bestiary.train._schedules import factor as factor
from bestiary.train._threads import start_jax as start_jax
from bestiary.train._train import train as train
from bestiary.train._train import trained as trained
