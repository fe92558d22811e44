"""Times the prefill and decoding of a LLaMA in PyTorch, for `pnpm bench gpu`.

The first argument is JSON: the model's sizes, tokens of the prompt, tokens before and during timed decoding, the device, and
whether to compile. The weights are random, in f16 on a GPU. The program writes one line of JSON when it is ready, and one for
each line that it reads. It ends with its input.
"""

import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def rotate(x, cosines, sines):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), dim=-1).flatten(-2)


class Block(nn.Module):
    def __init__(self, dim, heads, kv_heads, hidden, context):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, dim // heads
        width = kv_heads * self.head_dim
        self.wqkv = nn.Linear(dim, dim + 2 * width, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)
        self.w13 = nn.Linear(dim, 2 * hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)
        self.attention_norm = nn.RMSNorm(dim, eps=1e-5)
        self.ffn_norm = nn.RMSNorm(dim, eps=1e-5)
        self.register_buffer("keys", torch.zeros(1, kv_heads, context, self.head_dim))
        self.register_buffer("values", torch.zeros(1, kv_heads, context, self.head_dim))

    def forward(self, x, cosines, sines, rows, mask):
        length = x.shape[1]
        width = self.kv_heads * self.head_dim
        q, k, v = self.wqkv(self.attention_norm(x)).split((self.heads * self.head_dim, width, width), dim=-1)
        q, k, v = (y.view(1, length, -1, self.head_dim).transpose(1, 2) for y in (q, k, v))
        self.keys[:, :, rows] = rotate(k, cosines, sines)
        self.values[:, :, rows] = v
        y = F.scaled_dot_product_attention(
            rotate(q, cosines, sines), self.keys, self.values, attn_mask=mask, enable_gqa=True
        )
        h = x + self.wo(y.transpose(1, 2).reshape(x.shape))
        gate, up = self.w13(self.ffn_norm(h)).chunk(2, dim=-1)
        return h + self.w2(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, dim, n_layers, n_heads, n_kv_heads, hidden_dim, vocab_size, context):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim)
        self.layers = nn.ModuleList(Block(dim, n_heads, n_kv_heads, hidden_dim, context) for _ in range(n_layers))
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        self.output = nn.Linear(dim, vocab_size, bias=False)
        frequencies = 10000.0 ** (-torch.arange(0, dim // n_heads, 2) / (dim // n_heads))
        angles = torch.outer(torch.arange(context), frequencies)
        self.register_buffer("cosines", angles.cos())
        self.register_buffer("sines", angles.sin())
        self.register_buffer("rows", torch.arange(context))

    def forward(self, ids, rows):
        mask = self.rows[None, :] <= rows[:, None]
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x, self.cosines[rows], self.sines[rows], rows, mask)
        return self.output(self.norm(x[:, -1])).argmax(dim=-1)


def main():
    options = json.loads(sys.argv[1])
    size, prompt, depth, tokens = options["size"], options["prompt"], options["depth"], options["tokens"]
    device = options["device"]
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit(f"torch {torch.__version__} finds no CUDA device")
    dtype = torch.float16 if device == "cuda" else torch.float32
    torch.manual_seed(1)
    context = depth + tokens
    with torch.device(device):
        model = Llama(**size, context=context).to(dtype)
    model.requires_grad_(False)
    mode = "reduce-overhead" if device == "cuda" else "default"
    step = torch.compile(model, mode=mode) if options["compile"] else model
    ids = torch.randint(3, size["vocab_size"], (1, context), device=device)
    rows = torch.arange(context, device=device)

    def seconds(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def decode():
        for at in range(depth, context):
            step(ids[:, at : at + 1], rows[at : at + 1]).item()  # the id is read, as it must be to be shown

    @torch.inference_mode()
    def run():
        # Prompts are compiled nowhere: their length would be compiled for.
        prefill = seconds(lambda: model(ids[:, :prompt], rows[:prompt]).item())
        return {"prefill": prefill, "decode": seconds(decode)}

    run()
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    kind = "compiled" if options["compile"] else "eager"
    print(json.dumps({"description": f"torch {torch.__version__}, {kind}, {str(dtype)[6:]}, {name}"}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(run()), flush=True)


main()
