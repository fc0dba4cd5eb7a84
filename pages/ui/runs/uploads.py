"""Take images that are uploaded: files, a zip of them, or a folder with its folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from jepascore_core.datasets.listing import IMAGE_EXTENSIONS
from jepascore_core.datasets.table_files import TABLE_EXTENSIONS
from jepascore_core.jobs.uploads import pack
from pages.ui.app import state
from pages.ui.runs import texts

_ENDINGS = (*sorted(IMAGE_EXTENSIONS), *sorted(TABLE_EXTENSIONS), ".zip")


@dataclass(frozen=True, slots=True)
class Upload:
    """Files that were uploaded, at least one."""

    files: tuple[UploadedFile, ...]

    @property
    def identity(self) -> tuple[str, ...]:
        """Ids of the files, which change with them."""
        return tuple(file.file_id for file in self.files)

    @property
    def name(self) -> str:
        """A name for the dataset: that of the zip, or of the folder that all files are in; "" where there is none."""
        first = PurePosixPath(self.files[0].name)
        if len(self.files) == 1:
            return first.stem
        folders = {PurePosixPath(file.name).parts[0] for file in self.files if "/" in file.name}
        return first.parts[0] if len(folders) == 1 else ""

    def archive(self) -> IO[bytes]:
        """Return the zip, or the files packed into one; packed once, and read from the beginning."""
        if len(self.files) == 1 and self.files[0].name.lower().endswith(".zip"):
            return _rewound(self.files[0])
        known = st.session_state.get(state.PACKED)
        if known is None or known[0] != self.identity:
            known = st.session_state[state.PACKED] = (self.identity, pack((file.name, file) for file in self.files))
        return _rewound(known[1])


def draw_upload(way: str | None, number: int) -> Upload | None:
    """Draw the field to drop files or choose a folder, and return what is there."""
    if way == "folder":
        st.file_uploader(
            texts.FOLDER, type=list(_ENDINGS), accept_multiple_files="directory", key=f"add-folder-{number}",
            help=texts.FOLDER_HELP,
        )  # fmt: skip
    else:
        st.file_uploader(texts.FILES, type=list(_ENDINGS), accept_multiple_files=True, key=f"add-files-{number}")
    return chosen_upload(number)


def chosen_upload(number: int) -> Upload | None:
    """Return what was uploaded to the form, None if nothing."""
    files = [*(st.session_state.get(f"add-{way}-{number}") or () for way in ("files", "folder"))]
    found = tuple(file for some in files for file in some)
    return Upload(found) if found else None


def _rewound(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file
