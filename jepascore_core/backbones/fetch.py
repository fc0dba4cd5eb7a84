"""Get weights from the caches on disk, otherwise from the model hub; fail within seconds without a network."""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from jepascore_core.backbones.preprocessing import STATED_AS
from jepascore_core.backbones.presence import weights_path
from jepascore_core.backbones.specs import WeightSource
from jepascore_core.errors import WeightsUnavailableError

#: Seconds to wait for a connection. Downloads themselves have no time limit.
CONNECT_SECONDS = 5.0


def source_file(name: str, source: WeightSource, offline: bool) -> Path:
    """Return the path of the file that a row of the table names.

    Raises:
        WeightsUnavailableError: if it is neither in a cache nor reachable, or was not published.
    """
    if source.repository:
        return hub_file(name, source.repository, source.filenames, offline)
    if source.url:
        return url_file(name, source.url, offline, source.saved_as)
    raise WeightsUnavailableError(
        f"No weights of {name} are published. Pass --checkpoint FILE of a training with {STATED_AS}."
    )


def hub_file(name: str, repository: str, filenames: Sequence[str], offline: bool) -> Path:
    """Return the path of the first of `filenames` that the repository ("owner/name" or "owner/name@revision") has.

    A file in the hub's cache is used without the hub's client, which tries to connect first, even if only local files
    are requested.

    Raises:
        WeightsUnavailableError: if it is neither in the cache nor reachable.
    """
    if (cached := weights_path(WeightSource(repository, tuple(filenames)))) is not None:
        return cached
    remedy = "Load them once on a connected machine and copy its hub cache folder here"
    if offline:
        raise _unavailable(name, "and offline is set", remedy)
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    repo_id, _, tag = repository.partition("@")
    revision = tag or None
    try:
        siblings = HfApi().model_info(repo_id, revision=revision, timeout=CONNECT_SECONDS).siblings or []
        present = {sibling.rfilename for sibling in siblings}
        found = [wanted for wanted in filenames if wanted in present]
        if not found:
            raise _unavailable(name, f"and its hub repository has none of {', '.join(filenames)}", remedy)
        return Path(hf_hub_download(repo_id, found[0], revision=revision))
    except GatedRepoError as error:
        reason = "and the hub requires accepting their licence first (then `hf auth login`)"
        raise _unavailable(name, reason, remedy) from error
    except (HfHubHTTPError, HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise _unavailable(name, f"and the model hub cannot be reached ({type(error).__name__})", remedy) from error


def url_file(name: str, url: str, offline: bool, saved_as: str = "") -> Path:
    """Return the path of a file with this address in torch's cache, under the name `saved_as` if given.

    Raises:
        WeightsUnavailableError: if it is neither in the cache nor reachable.
    """
    import torch.hub

    target = Path(torch.hub.get_dir()) / "checkpoints" / (saved_as or PurePosixPath(urlparse(url).path).name)
    if target.exists():
        return target
    remedy = f"Fetch {url} on a connected machine and save it here as {target}"
    if offline:
        raise _unavailable(name, "and offline is set", remedy)
    try:
        # torch's download has no timeout, so check first whether the server responds.
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS):
            pass
        target.parent.mkdir(parents=True, exist_ok=True)
        match = torch.hub.HASH_REGEX.search(target.name)
        torch.hub.download_url_to_file(url, str(target), match.group(1) if match else None)
    except (OSError, RuntimeError) as error:
        raise _unavailable(name, f"and their server cannot be reached ({type(error).__name__})", remedy) from error
    return target


def _unavailable(name: str, reason: str, remedy: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"The weights of {name} are not on this machine, {reason}. {remedy}, or pass --checkpoint FILE."
    )
