"""Slow, obvious implementations that the product's numbers are compared with."""

import torch


def listing_jacobian(encoder, images):
    """Jacobian as in the appendix of arXiv 2510.05949: of the embeddings summed over the batch. -> [B, K, D]."""
    rows = torch.autograd.functional.jacobian(lambda batch: encoder(batch).sum(0), images)  # [K, B, C, H, W]
    return rows.flatten(2).permute(1, 0, 2)


def listing_score(encoder, images, clip=1e-6):
    """The appendix listing: all singular values, clipped from below, logarithm, sum. -> [B]."""
    return torch.linalg.svdvals(listing_jacobian(encoder, images)).clip(clip).log().sum(1)
