"""Triton kernels of the operations between the matrix products of the backward pass (fused.py calls them).

Names of sizes: B images, R cotangents, N tokens, H heads, S head size, d width, M hidden units. Tensors are contiguous;
`head` counts the B x H heads, `row` the B x R x N rows. Sums are float32.
"""

import triton
import triton.language as tl

#: A kernel is not recompiled when the values of these change.
_SIZES = ["count", "length", "num_heads"]


@triton.jit(do_not_specialize=_SIZES)
def pull_back_queries(
    cotangents,  # [B, R, N, H, S]
    attention,  # [B H, N, stride]: of each query to all keys, zeros beyond N
    keys,  # [B H, N, S]
    values,
    outputs,
    gradients,  # [B, R, N, 3, H, S]: the first of three is written
    deltas,  # [B H, R, N] float32, written: cotangent times output
    count,
    length,
    num_heads,
    size,
    stride,
    rows_at_once: tl.constexpr,
    keys_at_once: tl.constexpr,
    channels: tl.constexpr,
):
    """Compute the queries' cotangents of one head. Rows of all cotangents share the keys, so tiles span cotangents."""
    head = tl.program_id(1)
    image, position = head // num_heads, head % num_heads
    row = tl.program_id(0) * rows_at_once + tl.arange(0, rows_at_once)
    is_row = row < count * length
    token = row % length
    channel = tl.arange(0, channels)
    is_channel = channel < size
    mask = is_row[:, None] & is_channel[None, :]
    width = num_heads * size
    global_row = image.to(tl.int64) * count * length + row
    inside = position * size + channel[None, :]
    upper = tl.load(cotangents + global_row[:, None] * width + inside, mask=mask, other=0.0)
    output = tl.load(outputs + (head * length + token)[:, None] * size + channel[None, :], mask=mask, other=0.0)
    delta = tl.sum(upper.to(tl.float32) * output.to(tl.float32), axis=1)
    tl.store(deltas + head.to(tl.int64) * count * length + row, delta, mask=is_row)
    found = tl.zeros([rows_at_once, channels], dtype=tl.float32)
    for start in range(0, length, keys_at_once):
        other = start + tl.arange(0, keys_at_once)
        is_other = other < length
        at = (head * length + other) * size
        value_mask, key_mask = is_channel[:, None] & is_other[None, :], is_other[:, None] & is_channel[None, :]
        value = tl.load(values + at[None, :] + channel[:, None], mask=value_mask, other=0.0)
        key = tl.load(keys + at[:, None] + channel[None, :], mask=key_mask, other=0.0)
        weight = tl.load(attention + (head * length + token)[:, None] * stride + other[None, :])
        logits = tl.dot(upper, value, input_precision="ieee") - delta[:, None]
        logits = (logits * weight.to(tl.float32)).to(key.dtype)
        found = tl.dot(logits, key, found, input_precision="ieee")
    tl.store(gradients + global_row[:, None] * 3 * width + inside, found.to(gradients.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=_SIZES)
def pull_back_keys_and_values(
    cotangents,  # [B, R, N, H, S]
    attention,  # [B H, N, stride]: of each key from all queries, zeros beyond N
    queries,  # [B H, N, S]
    values,
    deltas,  # [B H, R, N] float32
    gradients,  # [B, R, N, 3, H, S]: the second and third are written
    count,
    length,
    num_heads,
    size,
    stride,
    rows_at_once: tl.constexpr,
    keys_at_once: tl.constexpr,
    channels: tl.constexpr,
):
    """Keys' and values' cotangents of one head, one cotangent and some keys."""
    head = tl.program_id(2)
    image, position = head // num_heads, head % num_heads
    other = tl.program_id(0) * keys_at_once + tl.arange(0, keys_at_once)
    is_other = other < length
    channel = tl.arange(0, channels)
    is_channel = channel < size
    mask = is_other[:, None] & is_channel[None, :]
    width = num_heads * size
    inside = position * size + channel[None, :]
    value = tl.load(values + (head * length + other)[:, None] * size + channel[None, :], mask=mask, other=0.0)
    found_keys = tl.zeros([keys_at_once, channels], dtype=tl.float32)
    found_values = tl.zeros([keys_at_once, channels], dtype=tl.float32)
    first_row = (image.to(tl.int64) * count + tl.program_id(1)) * length
    first_delta = (head.to(tl.int64) * count + tl.program_id(1)) * length
    for start in range(0, length, rows_at_once):
        token = start + tl.arange(0, rows_at_once)
        is_token = token < length
        token_mask = is_token[:, None] & is_channel[None, :]
        upper = tl.load(cotangents + (first_row + token)[:, None] * width + inside, mask=token_mask, other=0.0)
        at = (head * length + token)[:, None] * size + channel[None, :]
        query = tl.load(queries + at, mask=token_mask, other=0.0)
        delta = tl.load(deltas + first_delta + token, mask=is_token, other=0.0)
        at = (head * length + other)[:, None] * stride + token[None, :]
        weight = tl.load(attention + at, mask=is_other[:, None], other=0.0)
        found_values = tl.dot(weight, upper, found_values, input_precision="ieee")
        logits = tl.dot(value, tl.trans(upper), input_precision="ieee") - delta[None, :]
        logits = (logits * weight.to(tl.float32)).to(query.dtype)
        found_keys = tl.dot(logits, query, found_keys, input_precision="ieee")
    at = gradients + (first_row + other)[:, None] * 3 * width + inside
    tl.store(at + width, found_keys.to(gradients.dtype.element_ty), mask=mask)
    tl.store(at + 2 * width, found_values.to(gradients.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=_SIZES[:2])
def scale_hidden(
    hidden,  # [B, R, N, M]
    slopes,  # [B, N, W], W = M or 2 M
    scaled,  # [B, R, N, W], written; may be `hidden` where W = M
    count,
    length,
    width,
    hidden_width,
    at_once: tl.constexpr,
    group: tl.constexpr,
):
    """Hidden units' cotangents times slopes, which are read once for a group of cotangents."""
    image = tl.program_id(2).to(tl.int64)
    inside = tl.program_id(0) * at_once + tl.arange(0, at_once)
    is_inside = inside < length * width
    source = inside // width * hidden_width + inside % width % hidden_width
    slope = tl.load(slopes + image * length * width + inside, mask=is_inside, other=0.0).to(tl.float32)
    first = tl.program_id(1) * group
    for number in range(first, tl.minimum(first + group, count)):
        start = (image * count + number) * length
        value = tl.load(hidden + start * hidden_width + source, mask=is_inside, other=0.0)
        product = value.to(tl.float32) * slope
        tl.store(scaled + start * width + inside, product.to(scaled.dtype.element_ty), mask=is_inside)


@triton.jit(do_not_specialize=_SIZES[:2])
def add_norm(
    cotangents,  # [B, R, N, d]
    gradients,  # [B, R, N, d], centred along d; overwritten by the sum
    values,  # [B, N, d]: normalised
    scales,  # [B, N]: reciprocal standard deviations
    count,
    length,
    width,
    rows_at_once: tl.constexpr,
    channels: tl.constexpr,
):
    """Cotangents + the derivative of LayerNorm without gain for `gradients`."""
    image = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * rows_at_once + tl.arange(0, rows_at_once)
    is_row = row < count * length
    channel = tl.arange(0, channels)
    mask = is_row[:, None] & (channel < width)[None, :]
    at = (image * count * length + row)[:, None] * width + channel[None, :]
    token = image * length + row % length
    gradient = tl.load(gradients + at, mask=mask, other=0.0).to(tl.float32)
    value = tl.load(values + token[:, None] * width + channel[None, :], mask=mask, other=0.0).to(tl.float32)
    scale = tl.load(scales + token, mask=is_row, other=0.0).to(tl.float32)
    along = tl.sum(gradient * value, axis=1) / width
    cotangent = tl.load(cotangents + at, mask=mask, other=0.0).to(tl.float32)
    total = cotangent + (gradient - value * along[:, None]) * scale[:, None]
    tl.store(gradients + at, total.to(gradients.dtype.element_ty), mask=mask)
