"""Backbones: names, loading and preprocessing. `build` is the entry point; `specs` is data and loads no torch."""

import os

# Read when the hub's client is imported: without it the client sends usage data to its server.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
