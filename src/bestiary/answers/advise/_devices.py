"""How long a training takes on named accelerators: peak rates, and the share of them that is met.

Rates are dense products with float32 sums, per chip, from the vendors' data sheets. A TPU has no
tensorfloat32: its default product of float32 numbers is one of bfloat16, an exact one takes six.
"""

from typing import NamedTuple

from bestiary.errors import UserError, unknown

# Published trainings of 0.1B to 3B models on H100 and A100 meet 35 to 46% of the peak by 6 N D.
UTILISATION = 0.4


class Device(NamedTuple):
    """An accelerator.

    Attributes:
        flops: Peak FLOP/s in bfloat16.
        tensorfloat32: In that.
        float32: Of exact products.
        bandwidth: Bytes/s of its memory.
        memory: Bytes of it.
        source: Where the rates come from.
    """

    flops: float
    tensorfloat32: float
    float32: float
    bandwidth: float
    memory: float
    source: str


def _tpu(flops: float, bandwidth: float, memory: float, name: str) -> Device:
    return Device(flops, flops, flops / 6, bandwidth, memory, f"Google Cloud {name} documentation")


DEVICES = {
    "h200": Device(989e12, 494e12, 67e12, 4.8e12, 141e9, "NVIDIA H200 data sheet (SXM)"),
    "h100": Device(989e12, 494e12, 67e12, 3.35e12, 80e9, "NVIDIA H100 data sheet (SXM)"),
    "b200": Device(2250e12, 1125e12, 75e12, 7.7e12, 180e9, "NVIDIA B200 data sheet (HGX)"),
    "a100": Device(312e12, 156e12, 19.5e12, 2.04e12, 80e9, "NVIDIA A100 data sheet (80 GB)"),
    "mi300x": Device(1307e12, 653e12, 163e12, 5.3e12, 192e9, "AMD Instinct MI300X data sheet"),
    "v5e": _tpu(197e12, 0.82e12, 16 * 2.0**30, "TPU v5e"),
    "v5p": _tpu(459e12, 2.765e12, 95 * 2.0**30, "TPU v5p"),
    "v6e": _tpu(918e12, 1.64e12, 32 * 2.0**30, "TPU v6e"),
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
