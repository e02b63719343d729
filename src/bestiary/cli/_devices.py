"""What devices can do, for plans of studies that run elsewhere."""

from typing import NamedTuple

from bestiary.errors import unknown


class DevicePeak(NamedTuple):
    """A device's peak.

    Attributes:
        flops_per_second: Dense products of bfloat16.
        source: Where that is stated.
    """

    flops_per_second: float
    source: str


# A training reaches a share of it, which only a measurement can tell (`--utilisation`).
DEVICES: dict[str, DevicePeak] = {
    "a100": DevicePeak(312e12, "NVIDIA A100 data sheet"),
    "h100": DevicePeak(989e12, "NVIDIA H100 SXM data sheet, without sparsity"),
    "h200": DevicePeak(989e12, "NVIDIA H200 data sheet, without sparsity"),
    "l40s": DevicePeak(362e12, "NVIDIA L40S data sheet, without sparsity"),
    "mi300x": DevicePeak(1307e12, "AMD MI300X data sheet, without sparsity"),
    "tpu-v4": DevicePeak(275e12, "Google Cloud TPU v4 documentation"),
    "tpu-v5e": DevicePeak(197e12, "Google Cloud TPU v5e documentation"),
    "tpu-v5p": DevicePeak(459e12, "Google Cloud TPU v5p documentation"),
    "tpu-v6e": DevicePeak(918e12, "Google Cloud TPU v6e documentation"),
}


def peak(name: str) -> DevicePeak:
    """The peak of a device.

    Raises:
        UserError: it is not known; the nearest name is suggested.
    """
    if name.lower() not in DEVICES:
        raise unknown("device", name, DEVICES)
    return DEVICES[name.lower()]
