"""Backbones: names, loading and preprocessing. `build` is the entrance; `specs` is data and loads no torch."""

import os

# Read when the hub's client is loaded: without it the client asks its server about the calling program.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
