"""One exception class per cause that a user can act on; every message says what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TypeVar

_Choice = TypeVar("_Choice", bound=str)
_Error = TypeVar("_Error", bound=Exception)

#: Available names that a message lists at most.
MAX_AVAILABLE = 10


class JepaScoreError(Exception):
    """Base of all errors that are shown to the user as one clear sentence, without a traceback."""


class SourceError(JepaScoreError):
    """A dataset source that cannot be read as a whole (missing, of unknown format, outside the allowed roots)."""


class UnsafeArchiveError(SourceError):
    """An archive whose members would leave the target folder or exceed the size and count limits."""


class SampleError(JepaScoreError):
    """One sample that cannot be read or measured; recorded as a failure, it never stops a run.

    `stage` names where it happened: scan, read, decode, preprocess or measure.
    """

    def __init__(self, message: str, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class FileChangedError(SampleError):
    """A file whose bytes are not those that were indexed: it has to be read again, even if its size and time match."""

    def __init__(self) -> None:
        super().__init__(
            "The file changed since it was indexed. Add the dataset again to pick up the change.",
            "read",
        )


class UnknownNameError(JepaScoreError):
    """A dataset, backbone, run or option name that does not exist; the message lists near matches."""


class DatasetNotReadyError(JepaScoreError):
    """A dataset that is used before its index is complete."""


class WeightsUnavailableError(JepaScoreError):
    """Weights that are neither on disk nor reachable; the message names the remedy."""


class CheckpointError(JepaScoreError):
    """A checkpoint that does not fit its architecture, or is not safe to read."""


class PreprocessingError(JepaScoreError):
    """A backbone whose mean, std or image size is unknown and was not given."""


class EncoderError(JepaScoreError):
    """An encoder that breaks the contract [B, C, H, W] -> [B, K], finite and differentiable."""


class NonFiniteError(EncoderError):
    """Images whose embedding or Jacobian is not finite; `positions` are their positions in the batch."""

    def __init__(self, positions: list[int]) -> None:
        super().__init__(
            f"The embedding or Jacobian of images {positions} of the batch is not finite. "
            "Check the preprocessing (mean, std), or use precision float64."
        )
        self.positions = positions


class OutOfMemoryError(JepaScoreError):
    """One image and one cotangent at a time do not fit in the device's memory."""


class StoreError(JepaScoreError):
    """A home folder that is damaged, locked or written by a newer version."""


class RunCancelled(JepaScoreError):  # noqa: N818 - not a fault: a person asked for it
    """Raised inside the worker when a person cancels its current job."""


class WorkerStopped(JepaScoreError):  # noqa: N818 - not a fault: the job resumes at the worker's next start
    """Raised inside the worker when its process is asked to stop."""


class RuleError(JepaScoreError):
    """A curation rule, or a saved set of them, that is invalid."""


class RuleSyntaxError(RuleError):
    """A text that is not a rule.

    `position` is the index in `text` of the character at which parsing failed, `hint` says what may have been meant.
    """

    def __init__(self, what: str, text: str, position: int, hint: str = "") -> None:
        super().__init__(f"{what.rstrip('.')} (character {position + 1}). {hint}".rstrip())
        self.text, self.position = text, position

    @property
    def pointer(self) -> str:
        """The line of the text with the error, and below it a mark at the position."""
        before = self.text[: self.position]
        first = before.rfind("\n") + 1
        line = self.text[first:].partition("\n")[0]
        return f"{line}\n{' ' * (self.position - first)}^"


class TooFewImagesError(JepaScoreError):
    """A statistic over too few images."""


class ExportError(JepaScoreError):
    """An export that could not be written in whole; nothing of it was left behind."""


class ImageChangedError(ExportError):
    """An export that failed because the image at `uri` is not what was indexed."""

    def __init__(self, message: str, uri: str) -> None:
        super().__init__(message)
        self.uri = uri


def unknown(
    kind: str,
    name: object,
    known: Iterable[str],
    error: type[_Error] = UnknownNameError,  # type: ignore[assignment]
    where: str = "",
    hint: str = "",
) -> _Error:
    """Return the error for a name that does not exist, with near matches and the available names.

    Its text is `Unknown column "percentil". Did you mean "percentile"? Available: score, percentile.`

    Args:
        kind: kind of thing that is named, such as "column".
        name: the name that was given.
        known: the names that exist, the most usual first.
        error: class of the error.
        where: where the name was looked up, such as a file.
        hint: a further sentence of advice.
    """
    what = f"Unknown {kind} {_quoted(name)}{f' in {where}' if where else ''}."
    return error(" ".join(filter(None, (what, suggestion(name, known), hint))))


def suggestion(name: object, known: Iterable[str]) -> str:
    """Return a suggestion for an unknown name, and the first of the available ones."""
    listed = list(dict.fromkeys(known))
    available = ", ".join(map(_printable, listed[:MAX_AVAILABLE])) or "none"
    more = f" and {len(listed) - MAX_AVAILABLE:,} more" if len(listed) > MAX_AVAILABLE else ""
    return f"{did_you_mean(name, listed)} Available: {available}{more}.".lstrip()


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return a question with the known names that are nearest to a name, "" if none is near.

    Case is ignored. Where no name is spelled similarly, those that contain it are near.
    """
    lowered = str(name).lower()
    by_lowered = {other.lower(): other for other in known}
    near = difflib.get_close_matches(lowered, by_lowered, n=3, cutoff=0.6)
    ratios = [difflib.SequenceMatcher(None, other, lowered).ratio() for other in near]
    near = [other for other, ratio in zip(near, ratios, strict=True) if ratio > ratios[0] - 0.15]
    if not near and len(lowered) > 2:
        near = [other for other in by_lowered if lowered in other][:3]
    return f"Did you mean {' or '.join(_quoted(by_lowered[other]) for other in near)}?" if near else ""


def matching(value: object, choices: Iterable[_Choice]) -> _Choice | None:
    """Return the choice that equals a value, with its own type; None if there is none."""
    return next((choice for choice in choices if choice == value), None)


def one_of(
    value: object,
    choices: Iterable[_Choice],
    kind: str = "choice",
    error: type[Exception] = UnknownNameError,
) -> _Choice:
    """Return the choice that equals a value, with its own type.

    Raises:
        UnknownNameError, or `error`: if there is none; the message names the `kind`.
    """
    known = tuple(choices)
    found = matching(value, known)
    if found is None:
        raise unknown(kind, value, known, error)
    return found


def _quoted(name: object) -> str:
    return f'"{_printable(str(name))}"'


def _printable(name: str) -> str:
    """Return a name without characters that move the cursor or that a terminal cannot encode."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)
