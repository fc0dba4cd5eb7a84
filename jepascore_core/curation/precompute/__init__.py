"""What takes long is computed by the worker first."""
