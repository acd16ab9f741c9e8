"""genem: the EM toolkit for genetics."""

__version__ = "0.1.0"
