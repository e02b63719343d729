"""How long a training takes on named accelerators: peak rates, and the share of them that is met.

Rates are dense bfloat16 products with float32 sums, per chip, from the vendors' data sheets.
"""

from typing import NamedTuple

from bestiary.errors import UserError, unknown

# Published trainings of 0.1B to 3B models on H100 and A100 meet 35 to 46% of the peak by 6 N D.
UTILISATION = 0.4


class Device(NamedTuple):
    """An accelerator.

    Attributes:
        flops: Peak FLOP/s.
        source: Where the rate comes from.
    """

    flops: float
    source: str


DEVICES = {
    "h200": Device(989e12, "NVIDIA H200 data sheet (SXM)"),
    "h100": Device(989e12, "NVIDIA H100 data sheet (SXM)"),
    "b200": Device(2250e12, "NVIDIA B200 data sheet (HGX)"),
    "a100": Device(312e12, "NVIDIA A100 data sheet"),
    "mi300x": Device(1307e12, "AMD Instinct MI300X data sheet"),
    "v5e": Device(197e12, "Google Cloud TPU v5e documentation"),
    "v5p": Device(459e12, "Google Cloud TPU v5p documentation"),
    "v6e": Device(918e12, "Google Cloud TPU v6e documentation"),
}


def training_seconds(
    parameters: float, tokens: float, *, device: str, count: int, utilisation: float = UTILISATION
) -> float:
    """Seconds of 6 N D model FLOPs; the head, attention and the optimizer are not counted.

    Args:
        parameters: N.
        tokens: D.
        device: A name of `DEVICES`.
        count: Devices.
        utilisation: Share of the peak that is met.

    Raises:
        UserError: an unknown device, no devices, or a share outside 0 to 1.
    """
    if device.lower() not in DEVICES:
        raise unknown("device", device, DEVICES)
    if count < 1:
        raise UserError(f"a training needs at least one device, got {count}")
    if not 0 < utilisation <= 1:
        raise UserError(f"utilisation is a share of the peak, above 0 to 1, got {utilisation:g}")
    return 6 * parameters * tokens / (DEVICES[device.lower()].flops * count * utilisation)
