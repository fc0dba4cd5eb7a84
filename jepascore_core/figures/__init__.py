"""From view-models to Plotly figures."""
