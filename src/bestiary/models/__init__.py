"""Llama-2 in plain JAX: parameters are dictionaries of arrays, everything else is a function."""

from bestiary.models._huggingface import export_huggingface as export_huggingface
from bestiary.models._huggingface import import_huggingface as import_huggingface
from bestiary.models._init import init as init
from bestiary.models._kernels import REFERENCE as REFERENCE
from bestiary.models._kernels import Kernels as Kernels
from bestiary.models._kernels import kernels_for as kernels_for
from bestiary.models._labels import labels as labels
from bestiary.models._llama import logits as logits
from bestiary.models._llama import loss as loss
from bestiary.models._partition import ambient_placement as ambient_placement
from bestiary.models._partition import over_batch as over_batch
from bestiary.models._partition import partition as partition
from bestiary.models._product import products_of_a_cpu as products_of_a_cpu
from bestiary.models._splash import visible_blocks as visible_blocks
