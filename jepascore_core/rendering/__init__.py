"""Rendered pictures: their products, the renderer, and their exact density."""
