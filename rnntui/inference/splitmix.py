"""A random number generator whose whole state is one integer, small enough to store with every token."""

from __future__ import annotations

_MASK = (1 << 64) - 1


class SplitMix:
    """SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 16).

    The state is a counter that grows by an odd constant; each number is a hash of it. Python's own generator would do
    as well, but its state takes 2.5 kB, and a text stores thousands of states.
    """

    def __init__(self, seed: int) -> None:
        self.state = _mix(seed & _MASK)  # hashed, so that neighbouring seeds start far apart

    def random(self) -> float:
        """Return the next number, uniform in [0, 1), with 53 random bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        return (_mix(self.state) >> 11) * 2.0**-53


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
