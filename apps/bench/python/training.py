"""Times training steps of a LLaMA in PyTorch, for `pnpm bench training --peer pytorch`.

The first argument is JSON: the model's sizes, tokens of a row, rows of a batch, threads, and whether to compile. The program
writes one line of JSON when it is ready, and one for each line that it reads. It ends with its input.
"""

import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Attention(nn.Module):
    def __init__(self, dim, heads, kv_heads):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, dim // heads
        self.wq = nn.Linear(dim, dim, bias=False)
        self.wk = nn.Linear(dim, kv_heads * self.head_dim, bias=False)
        self.wv = nn.Linear(dim, kv_heads * self.head_dim, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)

    def forward(self, x, cosines, sines):
        batch, length, dim = x.shape
        split = lambda y, heads: y.view(batch, length, heads, self.head_dim).transpose(1, 2)
        q = rotate(split(self.wq(x), self.heads), cosines, sines)
        k = rotate(split(self.wk(x), self.kv_heads), cosines, sines)
        v = split(self.wv(x), self.kv_heads)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.wo(y.transpose(1, 2).reshape(batch, length, dim))


def rotate(x, cosines, sines):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), dim=-1).flatten(-2)


class Block(nn.Module):
    def __init__(self, dim, heads, kv_heads, hidden):
        super().__init__()
        self.attention = Attention(dim, heads, kv_heads)
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)
        self.attention_norm = nn.RMSNorm(dim, eps=1e-5)
        self.ffn_norm = nn.RMSNorm(dim, eps=1e-5)

    def forward(self, x, cosines, sines):
        h = x + self.attention(self.attention_norm(x), cosines, sines)
        normal = self.ffn_norm(h)
        return h + self.w2(F.silu(self.w1(normal)) * self.w3(normal))


class Llama(nn.Module):
    def __init__(self, dim, n_layers, n_heads, n_kv_heads, hidden_dim, vocab_size, max_seq_len):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim)
        self.layers = nn.ModuleList(Block(dim, n_heads, n_kv_heads, hidden_dim) for _ in range(n_layers))
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        head_dim = dim // n_heads
        frequencies = 10000 ** (-torch.arange(0, head_dim, 2).double() / head_dim)
        angles = torch.outer(torch.arange(max_seq_len).double(), frequencies)
        self.register_buffer("cosines", angles.cos().float())
        self.register_buffer("sines", angles.sin().float())
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, targets):
        h = self.embedding(ids)
        length = ids.shape[1]
        for layer in self.layers:
            h = layer(h, self.cosines[:length], self.sines[:length])
        logits = F.linear(self.norm(h), self.embedding.weight)  # the output is tied
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    options = json.loads(sys.argv[1])
    torch.set_num_threads(options["threads"])
    torch.manual_seed(0)
    model = Llama(**options["model"])
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    loss_of = torch.compile(model) if options["compile"] else model
    rows = torch.tensor(options["rows"])  # [batch, tokens + 1]
    ids, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
    mode = "compiled" if options["compile"] else "eager"
    threads = "1 thread" if options["threads"] == 1 else f"{options['threads']} threads"
    answer({"description": f"PyTorch {torch.__version__}, {mode}, {threads}"})
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = loss_of(ids, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        value = loss.item()
        answer({"seconds": time.perf_counter() - start, "loss": value})


main()
