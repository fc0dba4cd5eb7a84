"""Pure functions that turn a store and choices into frozen view-models, ready to show. No torch, no Streamlit."""
