"""The logits of Hugging Face transformers for the folders of `random-models.mjs`, in float64 and eager attention."""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

FIXTURE = Path(__file__).parents[3] / "packages/llama/test/checkpoint/fixtures/transformers-logits.jsonl"
folder = Path(sys.argv[1])

# Longer than the 16 positions that the scaled models were "trained" on.
IDS = [(7 * i + 3) % 64 for i in range(40)]

models = []
for name, config in json.loads((folder / "configs.json").read_text()).items():
    model = AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float64, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0, -1]
    models.append({"name": name, "config": config, "ids": IDS, "logits": [float(f"{value:.9g}") for value in logits.tolist()]})

FIXTURE.write_text("".join(json.dumps(model) + "\n" for model in models))
print(FIXTURE)
