"""Over which devices a run is laid: how it is carried out, never what it is."""

import math
import re

from bestiary.errors import UserError, unknown
from bestiary.specs._bounds import Count
from bestiary.specs._spec import Spec, checked


class Placement(Spec, frozen=True, kw_only=True):
    """A mesh of devices. No part of a run's identity; sums over devices change last bits.

    The batch is divided over `data` times `shard` devices.

    Attributes:
        data: Parts of the batch whose devices hold all parameters: data-parallel.
        shard: Parts of the batch whose devices hold a part of every parameter, gradient and
            optimizer state: fully sharded.
        model: Parts of every product of matrices: tensor-parallel.
    """

    data: Count = 1
    shard: Count = 1
    model: Count = 1

    @property
    def devices(self) -> int:
        """How many devices the mesh has."""
        return math.prod(self.sizes.values())

    @property
    def batch_parts(self) -> int:
        """Into how many parts a batch is divided."""
        return self.data * self.shard

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each axis by name, in the order of the mesh."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    def __str__(self) -> str:
        """As `--mesh` takes it."""
        divided = {name: size for name, size in self.sizes.items() if size > 1} or {"data": 1}
        return ",".join(f"{name}={size}" for name, size in divided.items())

    @property
    def alone(self) -> bool:
        """Whether it is one device."""
        return self.devices == 1


ONE_DEVICE = Placement()


def placement_from(mesh: str) -> Placement:
    """Read `data=8,model=2`.

    Raises:
        UserError: an axis that does not exist or is stated twice, or a size that is no count.
    """
    sizes: dict[str, int] = {}
    for part in mesh.split(","):
        name, _, size = part.strip().partition("=")
        if name not in Placement.__struct_fields__:
            raise unknown("axis of --mesh", name, Placement.__struct_fields__)
        if name in sizes or not re.fullmatch("[1-9][0-9]{0,8}", size):
            raise UserError(
                f"--mesh takes each axis once, with its devices, got {mesh[:80]!r}; "
                "write --mesh data=8,model=2"
            )
        sizes[name] = int(size)
    return checked(Placement(**sizes))
