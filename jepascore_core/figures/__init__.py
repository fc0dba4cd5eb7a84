"""Plotly figures from view-models."""
