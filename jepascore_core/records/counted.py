"""Work that is counted: how much is left of it, and for how long."""

from __future__ import annotations


class Counted:
    """Mixin of records with a total and a rate: whatever ends is processed, the rest is pending."""

    __slots__ = ()

    num_total: int
    #: Per second; None while it is not known.
    rate: float | None

    @property
    def num_processed(self) -> int:
        """How many ended, well or in failure."""
        raise NotImplementedError

    @property
    def num_pending(self) -> int:
        """How many are left."""
        return self.num_total - self.num_processed

    @property
    def seconds_left(self) -> float | None:
        """Predicted remaining time, or None while no rate is known."""
        return self.num_pending / self.rate if self.rate else None
