"""What nanoGPT, datatrove and Hugging Face datasets read in the files that write.mjs wrote.

Usage: python readers.py FOLDER NANOGPT_TRAIN_PY
nanoGPT is not a package: its function get_batch is taken out of a train.py that you downloaded.
"""

import ast
import glob
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from datasets import load_dataset
from datatrove.pipeline.tokens.merger import load_doc_ends
from datatrove.utils.dataset import DatatroveFileDataset

FIXTURE = Path(__file__).parents[3] / "packages/data-mixture/test/fixtures/readers.json"
BLOCK, BATCH = 32, 8
folder, train_py = Path(sys.argv[1]), Path(sys.argv[2])


def digest(values) -> str:
    """SHA-256 of numbers as little-endian int32."""
    return hashlib.sha256(np.asarray(values, dtype="<i4").tobytes()).hexdigest()


def nanogpt(shard: Path, seed: int) -> dict:
    """Batches by nanoGPT's own get_batch; the positions it draws are drawn again from the same seed."""
    tree = ast.parse(train_py.read_text())
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "get_batch")
    with tempfile.TemporaryDirectory() as data_dir:
        os.symlink(shard.resolve(), os.path.join(data_dir, "train.bin"))
        scope = dict(np=np, os=os, torch=torch, data_dir=data_dir, block_size=BLOCK, batch_size=BATCH)
        scope |= dict(device="cpu", device_type="cpu")
        exec(compile(ast.Module([function], []), str(train_py), "exec"), scope)
        torch.manual_seed(seed)
        x, y = scope["get_batch"]("train")
    tokens = shard.stat().st_size // 2
    torch.manual_seed(seed)
    starts = torch.randint(tokens - BLOCK, (BATCH,)).tolist()
    return {"tokens": tokens, "starts": starts, "x": [digest(row) for row in x], "y": [digest(row) for row in y]}


def datatrove(shard: Path, token_size: int) -> dict:
    """Windows and positions within documents by datatrove's dataset, document ends by its merger."""
    dataset = DatatroveFileDataset(str(shard), BLOCK, token_size=token_size, return_positions=True)
    items = [dataset[i] for i in range(len(dataset))]
    with open(f"{shard}.index", "rb") as index:
        ends = load_doc_ends(index)
    return {
        "windows": len(items),
        "ids": digest(np.concatenate([item["input_ids"] for item in items])),
        "positions": digest(np.concatenate([item["positions"] for item in items])),
        "ends": [int(end) for end in ends],
    }


def hugging_face(rows: Path) -> dict:
    """Rows by datasets, without shuffling, read whole and streamed."""
    files = sorted(glob.glob(str(rows / "*.parquet")))
    with tempfile.TemporaryDirectory() as cache:
        whole = load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
        columns = {name: str(feature) for name, feature in whole.features.items()}
        ids = [digest(row) for row in whole["input_ids"]]
        starts = digest(np.concatenate([np.asarray(row) for row in whole["document_starts"]]))
        sources = list(whole["source"])
    streamed = load_dataset("parquet", data_files=files, split="train", streaming=True)
    assert [digest(row["input_ids"]) for row in streamed] == ids, "streaming gives another order"
    return {
        "columns": columns,
        "rows": len(ids),
        "first": ids[:5],
        "ids": hashlib.sha256("".join(ids).encode()).hexdigest(),
        "starts": starts,
        "sources": hashlib.sha256("\n".join(sources).encode()).hexdigest(),
    }


figures = {
    "nanogpt": {name: nanogpt(folder / name / "training-00000.bin", 1337) for name in ["tales", "facts"]},
    "datatrove": {
        "tales": datatrove(folder / "tales/training-00000.bin", 2),
        "wide": datatrove(folder / "wide/training-00000.bin", 4),
    },
    "datasets": hugging_face(folder / "rows"),
}
FIXTURE.write_text(json.dumps(figures, indent=1) + "\n")
