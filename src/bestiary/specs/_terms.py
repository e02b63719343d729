"""The one way to say what is measured: on axes, in captions, in tables and in sentences."""

NATS = "nats per token"
DATA_RATIO = "data-to-model ratio (tokens / 20 N)"
NON_EMBEDDING = "non-embedding parameters N"
