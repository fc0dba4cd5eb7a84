"""What an encoder is sensitive to in one image."""
