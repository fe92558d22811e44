"""Rotary frequencies under every scaling, by Hugging Face's transformers."""

import json
from pathlib import Path

from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

FIXTURE = Path(__file__).parents[3] / "packages/layers/test/fixtures/rotary.json"

# Under Cria's names; `length` is the sequence that dynamic scaling stretches for.
CASES = [
    {"headDim": 8, "theta": 10000.0, "scaling": {"type": "linear", "factor": 4.0}, "length": 100},
    {"headDim": 128, "theta": 10000.0, "scaling": {"type": "linear", "factor": 2.5}, "length": 8192},
    {"headDim": 16, "theta": 10000.0, "scaling": {"type": "dynamic", "factor": 2.0}, "length": 64},
    {"headDim": 16, "theta": 10000.0, "scaling": {"type": "dynamic", "factor": 2.0}, "length": 300},
    {"headDim": 128, "theta": 500000.0, "scaling": {"type": "dynamic", "factor": 8.0}, "length": 4097},
    {"headDim": 16, "theta": 10000.0, "scaling": {"type": "yarn", "factor": 4.0}, "length": 64},
    {"headDim": 128, "theta": 10000.0, "scaling": {"type": "yarn", "factor": 16.0}, "length": 65536},
    {
        "headDim": 128,
        "theta": 1000000.0,
        "scaling": {"type": "yarn", "factor": 8.0, "beta_fast": 16.0, "beta_slow": 2.0, "attention_factor": 0.9},
        "length": 1,
    },
]
ORIGINAL = {16: 128, 128: 4096}


def run(case: dict) -> dict:
    dim, scaling = case["headDim"], case["scaling"]
    kind = scaling["type"]
    original = ORIGINAL.get(dim)
    rope = {"rope_type": kind, "rope_theta": case["theta"], **{k: v for k, v in scaling.items() if k != "type"}}
    context = original or 64
    if kind == "yarn":
        rope["original_max_position_embeddings"] = original
        context = int(original * scaling["factor"])
    config = LlamaConfig(
        hidden_size=4 * dim, num_attention_heads=4, max_position_embeddings=context, rope_parameters=rope
    )
    frequencies, amplitude = ROPE_INIT_FUNCTIONS[kind](config, "cpu", seq_len=case["length"])
    if kind != "linear":
        scaling = {**scaling, "original_max_seq_len": original}
    if kind == "yarn":
        scaling = {"beta_fast": 32.0, "beta_slow": 1.0, "attention_factor": amplitude, **scaling}
    return {**case, "scaling": scaling, "amplitude": amplitude, "frequencies": frequencies.double().tolist()}


FIXTURE.parent.mkdir(parents=True, exist_ok=True)
FIXTURE.write_text("[\n" + ",\n".join(json.dumps(run(case)) for case in CASES) + "\n]\n")
