"""Backbones by id."""

from __future__ import annotations

import json

from jepascore_core.records.backbones import BackboneInfo
from jepascore_core.records.canonical import canonical_json
from jepascore_core.storage.catalogue.database import Database, utc_now


class BackboneTable(Database):
    """The table `backbones`."""

    def save_backbone(self, info: BackboneInfo) -> None:
        """Record what a backbone id stands for."""
        self._execute(
            "INSERT OR IGNORE INTO backbones (backbone_id, info, created_at) VALUES (?, ?, ?)",
            *(info.backbone_id, canonical_json(info.to_dict()), utc_now()),
        )

    def backbones(self) -> dict[str, BackboneInfo]:
        """Return every backbone that was ever loaded here, by id, oldest first."""
        rows = self._rows("SELECT backbone_id, info FROM backbones ORDER BY created_at, rowid")
        return {row["backbone_id"]: BackboneInfo.from_dict(json.loads(row["info"])) for row in rows}
