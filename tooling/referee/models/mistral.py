"""Logits of a tiny Mistral by Hugging Face's MistralForCausalLM, whose weights Cria's test makes by the same formula."""

import base64
import json
from pathlib import Path

import torch
from logits import Weights, halves
from transformers import MistralConfig, MistralForCausalLM

FIXTURE = Path(__file__).parents[3] / "packages/cria/test/fixtures/mistral.json"
DIM, HEADS, KV_HEADS, LAYERS, VOCAB, HIDDEN, WINDOW, SEED = 32, 4, 2, 3, 262, 48, 5, 11
IDS = [1, 17, 5, 123, 0, 9, 200, 4, 11, 2, 20, 8, 99, 250, 31, 7, 64, 3, 90, 12]

config = MistralConfig(
    hidden_size=DIM, num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, num_hidden_layers=LAYERS,
    vocab_size=VOCAB, intermediate_size=HIDDEN, rms_norm_eps=1e-5, sliding_window=WINDOW, max_position_embeddings=64,
    tie_word_embeddings=False, attn_implementation="eager",
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)  # fmt: skip
weights = Weights(SEED)
kv_dim = DIM // HEADS * KV_HEADS
state = {"model.embed_tokens.weight": weights.draw(VOCAB, DIM)}
for layer in range(LAYERS):
    at = f"model.layers.{layer}."
    state[at + "self_attn.q_proj.weight"] = halves(weights.draw(DIM, DIM), HEADS)
    state[at + "self_attn.k_proj.weight"] = halves(weights.draw(kv_dim, DIM), KV_HEADS)
    state[at + "self_attn.v_proj.weight"] = weights.draw(kv_dim, DIM)
    state[at + "self_attn.o_proj.weight"] = weights.draw(DIM, DIM)
    state[at + "mlp.gate_proj.weight"] = weights.draw(HIDDEN, DIM)
    state[at + "mlp.down_proj.weight"] = weights.draw(DIM, HIDDEN)
    state[at + "mlp.up_proj.weight"] = weights.draw(HIDDEN, DIM)
    state[at + "input_layernorm.weight"] = weights.draw(DIM, centre=1)
    state[at + "post_attention_layernorm.weight"] = weights.draw(DIM, centre=1)
state["model.norm.weight"] = weights.draw(DIM, centre=1)
state["lm_head.weight"] = weights.draw(VOCAB, DIM)
network = MistralForCausalLM(config)
network.load_state_dict(state)
with torch.no_grad():
    logits = network.eval()(torch.tensor([IDS])).logits[0]
sizes = {
    "dim": DIM, "n_layers": LAYERS, "n_heads": HEADS, "n_kv_heads": KV_HEADS, "vocab_size": VOCAB, "hidden_dim": HIDDEN,
    "max_seq_len": 64, "norm_eps": 1e-5,
}  # fmt: skip
# The last token is enough: its hidden states in the upper layers reach back past the window.
last = base64.b64encode(logits[-1].numpy().astype("<f4").tobytes()).decode()
fixture = {"seed": SEED, "window": WINDOW, "ids": IDS, "config": sizes, "logits": last}
FIXTURE.parent.mkdir(parents=True, exist_ok=True)
FIXTURE.write_text(json.dumps(fixture, indent=2) + "\n")
