"""What PyTorch computes when it trains tiny LLaMA models: one whole gradient, the weights after 20 AdamW steps, and 100 losses.

Weights and tokens are not in the fixture: Cria's test makes them by the same integer generator.
"""

import base64
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

FIXTURE = Path(__file__).parents[3] / "packages/training/test/fixtures/pytorch.json"
DIM, HEADS, LAYERS, VOCAB, HIDDEN, CONTEXT = 16, 4, 2, 32, 24, 16
HEAD = DIM // HEADS
ROWS, STEPS, WEIGHTS_AFTER = 4, 100, 20
EPS, THETA = 1e-5, 10000.0
OPTIMISER = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weightDecay": 0.1, "clip": 1.0}
SCHEDULE = {"learningRate": 0.01, "warmupSteps": 10, "steps": STEPS, "finalShare": 0.1}

torch.set_num_threads(1)


class Generator:
    """Numerical Recipes' 32-bit generator."""

    def __init__(self, seed: int):
        self.state = seed

    def next(self) -> float:
        """In [0, 1)."""
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state / 2**32

    def tensor(self, *shape: int, spread: float = 0.3, centre: float = 0.0) -> torch.Tensor:
        values = np.array([centre + spread * (self.next() - 0.5) for _ in range(math.prod(shape))])
        return torch.from_numpy(values.astype(np.float32).reshape(shape))


def weights(seed: int, kv_heads: int, tied: bool) -> dict[str, torch.Tensor]:
    """By Meta's names and with its row order, drawn one after the other in this order."""
    draw = Generator(seed).tensor
    state = {"tok_embeddings.weight": draw(VOCAB, DIM)}
    for layer in range(LAYERS):
        at = f"layers.{layer}."
        state[at + "attention.wq.weight"] = draw(DIM, DIM)
        state[at + "attention.wk.weight"] = draw(kv_heads * HEAD, DIM)
        state[at + "attention.wv.weight"] = draw(kv_heads * HEAD, DIM)
        state[at + "attention.wo.weight"] = draw(DIM, DIM)
        state[at + "feed_forward.w1.weight"] = draw(HIDDEN, DIM)
        state[at + "feed_forward.w2.weight"] = draw(DIM, HIDDEN)
        state[at + "feed_forward.w3.weight"] = draw(HIDDEN, DIM)
        state[at + "attention_norm.weight"] = draw(DIM, centre=1)
        state[at + "ffn_norm.weight"] = draw(DIM, centre=1)
    state["norm.weight"] = draw(DIM, centre=1)
    if not tied:
        state["output.weight"] = draw(VOCAB, DIM)
    return state


def batch(step: int, packed: bool) -> tuple[np.ndarray, list[list[int]]]:
    """Rows of CONTEXT + 1 tokens that a model can learn, and where the documents of each row begin."""
    draw = Generator(1000 + step)
    rows, starts = [], []
    for _ in range(ROWS):
        row = [int(draw.next() * VOCAB)]
        while len(row) < CONTEXT + 1:
            row.append((5 * row[-1] + 1 + int(3 * draw.next())) % VOCAB)
        rows.append(row)
        starts.append([0, 3 + int(5 * draw.next()), 9 + int(6 * draw.next())] if packed else [0])
    return np.array(rows), starts


def norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * weight


def rotate(x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """[T, heads, HEAD]: pairs (2i, 2i + 1) as complex numbers, as in Meta's checkpoints."""
    frequencies = THETA ** (-torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD)
    angles = torch.outer(positions.double(), frequencies)
    turn = torch.polar(torch.ones_like(angles), angles).to(torch.complex128 if x.dtype == torch.float64 else torch.complex64)
    return torch.view_as_real(torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2)) * turn[:, None]).flatten(-2)


def logits(state: dict[str, torch.Tensor], ids: torch.Tensor, starts: list[int], kv_heads: int) -> torch.Tensor:
    """[T, VOCAB] of one row. Documents of a row do not see each other, and the positions of each begin at 0."""
    time = len(ids)
    document = torch.tensor([max(i for i, start in enumerate(starts) if start <= t) for t in range(time)])
    positions = torch.arange(time) - torch.tensor(starts)[document]
    seen = (document[:, None] == document[None, :]) & torch.ones(time, time, dtype=torch.bool).tril()
    h = state["tok_embeddings.weight"][ids]
    for layer in range(LAYERS):
        w = {name.removeprefix(f"layers.{layer}."): value for name, value in state.items()}
        x = norm(h, w["attention_norm.weight"])
        q = rotate((x @ w["attention.wq.weight"].T).view(time, HEADS, HEAD), positions)
        k = rotate((x @ w["attention.wk.weight"].T).view(time, kv_heads, HEAD), positions)
        v = (x @ w["attention.wv.weight"].T).view(time, kv_heads, HEAD)
        k, v = (t.repeat_interleave(HEADS // kv_heads, dim=1) for t in (k, v))
        scores = torch.einsum("qhc,khc->hqk", q, k) / math.sqrt(HEAD)
        shares = scores.masked_fill(~seen, -math.inf).softmax(-1)
        h = h + torch.einsum("hqk,khc->qhc", shares, v).reshape(time, DIM) @ w["attention.wo.weight"].T
        x = norm(h, w["ffn_norm.weight"])
        gated = F.silu(x @ w["feed_forward.w1.weight"].T) * (x @ w["feed_forward.w3.weight"].T)
        h = h + gated @ w["feed_forward.w2.weight"].T
    return norm(h, state["norm.weight"]) @ state.get("output.weight", state["tok_embeddings.weight"]).T


def loss_of(state: dict[str, torch.Tensor], step: int, case: dict) -> torch.Tensor:
    """Mean over all targets. The token that begins the next document is not a target."""
    rows, starts = batch(step, case["packed"])
    losses = []
    for row, begins in zip(rows, starts):
        targets = torch.from_numpy(row[1:].copy())
        targets[[start - 1 for start in begins if start > 0]] = -100
        out = logits(state, torch.from_numpy(row[:-1]), begins, case["n_kv_heads"])
        losses.append(F.cross_entropy(out, targets, ignore_index=-100, reduction="none")[targets >= 0])
    return torch.cat(losses).mean()


def learning_rate(step: int) -> float:
    """Of step 1, 2, …: linear warm-up, then a cosine down to the final share."""
    peak, warmup, steps, final = (SCHEDULE[key] for key in ("learningRate", "warmupSteps", "steps", "finalShare"))
    if step <= warmup:
        return peak * step / warmup
    return peak * (final + (1 - final) * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2)


def train(case: dict, dtype: torch.dtype) -> dict:
    start = weights(case["seed"], case["n_kv_heads"], case["tied_output"])
    state = {name: value.to(dtype).requires_grad_() for name, value in start.items()}
    matrices = [value for value in state.values() if value.dim() > 1]
    vectors = [value for value in state.values() if value.dim() == 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": OPTIMISER["weightDecay"]}, {"params": vectors, "weight_decay": 0.0}],
        betas=(OPTIMISER["beta1"], OPTIMISER["beta2"]), eps=OPTIMISER["eps"], foreach=False,
    )  # fmt: skip
    result: dict = {"losses": [], "norms": []}
    for step in range(1, STEPS + 1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step)
        optimiser.zero_grad()
        loss = loss_of(state, step, case)
        loss.backward()
        if step == 1:
            result["gradient"] = {name: value.grad.clone() for name, value in state.items()}
        result["norms"].append(float(torch.nn.utils.clip_grad_norm_(state.values(), OPTIMISER["clip"])))
        optimiser.step()
        result["losses"].append(loss.item())
        if step == WEIGHTS_AFTER:
            result["weights"] = {name: value.detach().clone() for name, value in state.items()}
    return result


def packed_floats(tensors: dict[str, torch.Tensor]) -> str:
    """All values in the order of the names, as the bytes of f32."""
    flat = torch.cat([value.flatten() for value in tensors.values()])
    return base64.b64encode(flat.numpy().astype("<f4").tobytes()).decode()


def difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference within a tensor, over its largest value."""
    return max(float((a[name].double() - b[name]).abs().max() / b[name].abs().max()) for name in b)


cases = [
    {"name": "MHA", "seed": 1, "n_kv_heads": 4, "tied_output": False, "packed": False},
    {"name": "GQA, tied", "seed": 2, "n_kv_heads": 2, "tied_output": True, "packed": False},
    {"name": "MQA", "seed": 3, "n_kv_heads": 1, "tied_output": False, "packed": False},
    {"name": "GQA, packed documents", "seed": 4, "n_kv_heads": 2, "tied_output": False, "packed": True},
]
config = {"dim": DIM, "n_layers": LAYERS, "n_heads": HEADS, "vocab_size": VOCAB, "hidden_dim": HIDDEN,
          "max_seq_len": CONTEXT, "norm_eps": EPS, "rope_theta": THETA}  # fmt: skip
fixture = {
    "torch": torch.__version__.split("+")[0], "config": config, "rows": ROWS, "optimiser": OPTIMISER,
    "schedule": SCHEDULE, "learningRates": [learning_rate(step) for step in range(1, STEPS + 1)],
    "weightsAfter": WEIGHTS_AFTER, "cases": [],
}  # fmt: skip
for case in cases:
    exact, single = train(case, torch.float64), train(case, torch.float32)
    drift = max(abs(a - b) / b for a, b in zip(single["losses"], exact["losses"]))
    print(f"{case['name']}: loss {exact['losses'][0]:.4f} to {exact['losses'][-1]:.4f}; float32 against float64: "
          f"gradient {difference(single['gradient'], exact['gradient']):.1e}, "
          f"weights {difference(single['weights'], exact['weights']):.1e}, losses {drift:.1e}")  # fmt: skip
    fixture["cases"].append(case | {
        "losses": exact["losses"], "norms": exact["norms"],
        "gradient": packed_floats(exact["gradient"]), "weights": packed_floats(exact["weights"]),
    })  # fmt: skip
FIXTURE.parent.mkdir(parents=True, exist_ok=True)
FIXTURE.write_text(json.dumps(fixture, indent=2) + "\n")
