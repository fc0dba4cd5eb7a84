"""Version of the numerical code: part of every measurement spec's id, so that results of two versions never mix."""

#: Raised whenever a change of the numerical code changes results beyond rounding.
_VERSION = 1

#: Of precisions whose results changed on their own. float64 counts towards the rank what float32 counts since version
#: 2: before, whatever exceeded 1e-9 of the largest singular value, a last LayerNorm's eps among it.
_OWN_VERSIONS = {"float64": 2}


def engine_version(precision: str) -> int:
    """Version of today's results in a precision."""
    return _OWN_VERSIONS.get(precision, _VERSION)
