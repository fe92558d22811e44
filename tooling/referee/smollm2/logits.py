# What transformers computes with the dequantised weights of SmolLM2-135M-Instruct, in float32:
# python tooling/referee/smollm2/logits.py MODEL.gguf
import json, os, sys
import torch
from transformers import AutoModelForCausalLM

folder, file = os.path.split(os.path.abspath(sys.argv[1]))
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
greedy = json.load(open('packages/cria/test/fixtures/smollm2-greedy.json'))['stored']
# One logit in this many, of a row of 49,152.
every = 48
cases = []
for index in (0, 2, 8, 10):
    ids = greedy[index]['prompt'] + greedy[index]['tokens']
    with torch.no_grad():
        row = model(torch.tensor([ids])).logits[0, -1]
    cases.append(dict(ids=ids, likeliest=row.topk(5).indices.tolist(), logits=[round(x, 5) for x in row[::every].tolist()]))
with open('packages/cria/test/fixtures/smollm2-logits.json', 'w') as out:
    json.dump(dict(every=every, cases=cases), out)
    out.write('\n')
