"""Logits of tiny LLaMA models by Hugging Face's LlamaForCausalLM, whose weights Cria's test makes by the same formula."""

import base64
import json
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

FIXTURE = Path(__file__).parents[3] / "packages/llama/test/fixtures/logits.json"
DIM, HEADS, LAYERS, VOCAB, HIDDEN, CONTEXT = 32, 8, 2, 24, 40, 64
IDS = [[1, 17, 5, 23, 0, 9], [4, 4, 11, 2, 20, 8]]


class Weights:
    """Numerical Recipes' 32-bit generator, one stream through all tensors in the order of Meta's names."""

    def __init__(self, seed: int):
        self.state = seed

    def draw(self, *shape: int, spread: float = 1.0, centre: float = 0.0) -> torch.Tensor:
        values = np.empty(int(np.prod(shape)))
        for i in range(len(values)):
            self.state = (1664525 * self.state + 1013904223) % 2**32
            values[i] = centre + spread * (self.state / 2**32 - 0.5)
        return torch.from_numpy(values.astype(np.float32).reshape(shape))


def halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Meta's rows turn in pairs (2i, 2i + 1) of a head, Hugging Face's in pairs (i, i + C/2)."""
    out, columns = weight.shape
    return weight.view(heads, out // heads // 2, 2, columns).transpose(1, 2).reshape(out, columns)


def model(case: dict, rope: dict) -> LlamaForCausalLM:
    kv_heads, tied = case["n_kv_heads"], case["tied_output"]
    config = LlamaConfig(
        hidden_size=DIM, num_attention_heads=HEADS, num_key_value_heads=kv_heads, num_hidden_layers=LAYERS,
        vocab_size=VOCAB, intermediate_size=HIDDEN, rms_norm_eps=case["norm_eps"], tie_word_embeddings=tied,
        max_position_embeddings=case["max_seq_len"], rope_parameters=rope, attn_implementation="eager",
    )  # fmt: skip
    weights = Weights(case["seed"])
    kv_dim = DIM // HEADS * kv_heads
    # Small embeddings, so that the epsilon of the first norm is seen in the logits.
    state = {"model.embed_tokens.weight": weights.draw(VOCAB, DIM, spread=0.02)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        state[at + "self_attn.q_proj.weight"] = halves(weights.draw(DIM, DIM), HEADS)
        state[at + "self_attn.k_proj.weight"] = halves(weights.draw(kv_dim, DIM), kv_heads)
        state[at + "self_attn.v_proj.weight"] = weights.draw(kv_dim, DIM)
        state[at + "self_attn.o_proj.weight"] = weights.draw(DIM, DIM)
        state[at + "mlp.gate_proj.weight"] = weights.draw(HIDDEN, DIM)
        state[at + "mlp.down_proj.weight"] = weights.draw(DIM, HIDDEN)
        state[at + "mlp.up_proj.weight"] = weights.draw(HIDDEN, DIM)
        state[at + "input_layernorm.weight"] = weights.draw(DIM, centre=1)
        state[at + "post_attention_layernorm.weight"] = weights.draw(DIM, centre=1)
    state["model.norm.weight"] = weights.draw(DIM, centre=1)
    state["lm_head.weight"] = state["model.embed_tokens.weight"] if tied else weights.draw(VOCAB, DIM)
    network = LlamaForCausalLM(config)
    network.load_state_dict(state)
    return network.eval()


def logits(case: dict) -> str:
    """[B, T, V] as the bytes of f32."""
    scaling = dict(case.get("rope_scaling", {"type": "default"}))
    rope = {"rope_theta": case["rope_theta"], "rope_type": scaling.pop("type")}
    original = scaling.pop("original_max_seq_len", None)
    if rope["rope_type"] == "dynamic":  # whose original context is the config's
        case = {**case, "max_seq_len": original}
    elif original:
        rope["original_max_position_embeddings"] = original
    with torch.no_grad():
        values = model(case, rope | scaling)(torch.tensor(IDS)).logits
    return base64.b64encode(values.numpy().astype("<f4").tobytes()).decode()


def main() -> None:
    cases = []
    for kv_heads in (1, 2, 4, 8):
        for norm_eps in (1e-5, 1e-6):
            cases.append({"n_kv_heads": kv_heads, "norm_eps": norm_eps, "tied_output": kv_heads == 2})
    yarn = {"factor": 4.0, "original_max_seq_len": 16, "beta_fast": 4.0, "beta_slow": 1.0, "attention_factor": 1.25}
    for scaling in (
        {"type": "linear", "factor": 2.5},
        {"type": "dynamic", "factor": 3.0, "original_max_seq_len": 4},
        {"type": "yarn", **yarn},
    ):
        cases.append({"n_kv_heads": 4, "norm_eps": 1e-5, "tied_output": False, "rope_scaling": scaling})

    sizes = {"dim": DIM, "n_layers": LAYERS, "n_heads": HEADS, "vocab_size": VOCAB, "hidden_dim": HIDDEN}
    fixture = {"ids": IDS, "cases": []}
    for seed, choices in enumerate(cases, start=1):
        case = {"seed": seed, **sizes, "max_seq_len": CONTEXT, "rope_theta": 10000.0 if seed % 2 else 500.0, **choices}
        fixture["cases"].append({"config": case, "logits": logits(case)})
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    FIXTURE.write_text(json.dumps(fixture, indent=2) + "\n")


if __name__ == "__main__":
    main()
