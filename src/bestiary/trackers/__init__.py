"""Trackers: what runs write to their own folders, shown by TensorBoard, W&B or Trackio. No JAX.

A process of its own reads the metrics files, so that nothing a tracker does can touch a run.
"""

from bestiary.trackers._follow import Follower as Follower
from bestiary.trackers._runs import Followed as Followed
from bestiary.trackers._runs import followed as followed
from bestiary.trackers._sinks import sink as sink
