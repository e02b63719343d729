"""The packaged tables of arXiv 2509.02046: Apache-2.0 facts from the authors' public files.

`sources()` says whence each comes.
"""

from bestiary.evidence.published._data import FAMILIES as FAMILIES
from bestiary.evidence.published._data import LABELS as LABELS
from bestiary.evidence.published._data import NOISE as NOISE
from bestiary.evidence.published._data import SIZES as SIZES
from bestiary.evidence.published._data import Losses as Losses
from bestiary.evidence.published._data import Pair as Pair
from bestiary.evidence.published._data import Version as Version
from bestiary.evidence.published._data import configurations as configurations
from bestiary.evidence.published._data import curves as curves
from bestiary.evidence.published._data import downstream as downstream
from bestiary.evidence.published._data import figure as figure
from bestiary.evidence.published._data import figure1 as figure1
from bestiary.evidence.published._data import grids as grids
from bestiary.evidence.published._data import losses as losses
from bestiary.evidence.published._data import pairs as pairs
from bestiary.evidence.published._data import predictions as predictions
from bestiary.evidence.published._data import runs as runs
from bestiary.evidence.published._data import sensitive as sensitive
from bestiary.evidence.published._data import sources as sources
