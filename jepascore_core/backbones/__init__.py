"""Backbones: names, loading and preprocessing. `build` is the entrance; `specs` is data and loads no torch."""
