"""Frozen records that travel between the rooms. Nothing here reads, writes or computes more than an identifier."""
