"""Pure functions: a store and choices in, frozen view-models ready to show out. No torch, no Streamlit."""
