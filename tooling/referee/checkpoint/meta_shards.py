"""A tiny LLaMA in Meta's form, cut in two model-parallel shards and saved by torch.

Element i of tensor number t (in the order of `SHAPES`) is ((7919 i + 104729 t) mod 255 - 127) / 128: exact in bfloat16,
so a test can compute what each tensor must be.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch

FOLDER = Path(__file__).parents[3] / "packages/llama/test/checkpoint/fixtures/meta-2-shards"
PARAMS = {"dim": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "vocab_size": -1, "multiple_of": 16, "norm_eps": 1e-5}
VOCABULARY, HIDDEN, KEYS = 48, 96, 16
SHARDS = 2

# Name, shape, and the axis that model parallelism cuts: columns of the output for wq, wk, wv, w1, w3 and output, of the
# input for wo and w2, of the width for the embedding.
SHAPES = [("tok_embeddings.weight", (VOCABULARY, 32), 1)]
for layer in range(PARAMS["n_layers"]):
    SHAPES += [
        (f"layers.{layer}.attention_norm.weight", (32,), None),
        (f"layers.{layer}.attention.wq.weight", (32, 32), 0),
        (f"layers.{layer}.attention.wk.weight", (KEYS, 32), 0),
        (f"layers.{layer}.attention.wv.weight", (KEYS, 32), 0),
        (f"layers.{layer}.attention.wo.weight", (32, 32), 1),
        (f"layers.{layer}.ffn_norm.weight", (32,), None),
        (f"layers.{layer}.feed_forward.w1.weight", (HIDDEN, 32), 0),
        (f"layers.{layer}.feed_forward.w2.weight", (32, HIDDEN), 1),
        (f"layers.{layer}.feed_forward.w3.weight", (HIDDEN, 32), 0),
    ]
SHAPES += [("norm.weight", (32,), None), ("output.weight", (VOCABULARY, 32), 0)]


def tensor(number: int, shape: tuple) -> torch.Tensor:
    index = torch.arange(torch.Size(shape).numel(), dtype=torch.int64)
    return (((7919 * index + 104729 * number) % 255 - 127).to(torch.float32) / 128).reshape(shape).to(torch.bfloat16)


FOLDER.mkdir(parents=True, exist_ok=True)
(FOLDER / "params.json").write_text(json.dumps(PARAMS) + "\n")
for shard in range(SHARDS):
    # The first shard is a plain dict, as Meta saves; the second has the versions that a module's state dict carries.
    state = {} if shard == 0 else OrderedDict()
    if shard == 1:
        state._metadata = OrderedDict([("", {"version": 1})])
    for number, (name, shape, axis) in enumerate(SHAPES):
        whole = tensor(number, shape)
        state[name] = whole if axis is None else whole.chunk(SHARDS, axis)[shard].clone(memory_format=torch.contiguous_format)
    state["rope.freqs"] = 10000.0 ** (-torch.arange(0, 8, 2, dtype=torch.float32) / 8)
    torch.save(state, FOLDER / f"consolidated.{shard:02d}.pth")
print(FOLDER)
