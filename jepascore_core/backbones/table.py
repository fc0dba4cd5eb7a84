"""The table of known backbones: data only, so that the web process may read it.

Sources: names, sizes, licences and repositories of timm's and open_clip's weights are those of the libraries' own
configurations, and operations are counted from their modules; tests compare all of them. Preprocessing and pooling are
those with which each family's authors evaluate; `evaluation` names the source. DINOv2 runs at 224 pixels, the size
of the paper's measurements, instead of its native 518. Rows of original releases follow the projects' repositories in
November 2026: facebookresearch/ijepa, facebookresearch/vjepa2, bytedance/ibot, facebookresearch/moco-v3,
rbalestr-lab/lejepa and HaiyuWu/visreg.
"""

from __future__ import annotations

from jepascore_core.backbones.rows_jepa import JEPA_ROWS
from jepascore_core.backbones.rows_other import OTHER_ROWS

TABLE = (*JEPA_ROWS, *OTHER_ROWS)
