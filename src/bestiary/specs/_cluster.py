"""What a study asks of a cluster for every process that trains."""

from typing import Annotated

from msgspec import Meta

from bestiary.specs._bounds import Cores, Grace, Minutes, Shares
from bestiary.specs._spec import Spec


class SlurmOptions(Spec, frozen=True, kw_only=True):
    """What is asked of Slurm for every pilot.

    Attributes:
        partition: The partition; the cluster's default where none is given.
        account: The account that pays.
        time: Minutes after which Slurm ends a pilot, which then queues again and goes on.
        gres: Devices, for instance `gpu:1` or `gpu:h100:1`.
        cpus: Cores.
        memory: Memory, for instance `16GB`.
        flags: Further flags of sbatch, for instance `constraint=a100,qos=low`.
        grace: Seconds before the end in which a pilot writes its checkpoints.
        cluster: `slurm`, or `local` to try the same on this machine.
    """

    partition: str = ""
    account: str = ""
    time: Minutes = 240
    gres: str = ""
    cpus: Cores = 1
    memory: str = ""
    flags: str = ""
    grace: Grace = 90
    cluster: Annotated[str, Meta(pattern="^(slurm|local)$")] = "slurm"


class RayOptions(Spec, frozen=True, kw_only=True):
    """What is asked of Ray for every pilot, each of which trains one run at a time.

    Attributes:
        address: The cluster, for instance `10.0.0.1:6379` or `auto`; where none is given that of
            RAY_ADDRESS, or one that is started here.
        cpus: Cores.
        gpus: Accelerators; a fraction shares one between small runs.
        resources: Others, for instance `special=1,memory=1e9`.
    """

    address: str = ""
    cpus: Shares = 1.0
    gpus: Shares = 0.0
    resources: str = ""
