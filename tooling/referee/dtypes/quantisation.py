"""Random blocks of every GGUF type that Cria reads, with the values that llama.cpp's `gguf` package gives for them."""

import base64
import json
from pathlib import Path

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

FIXTURE = Path(__file__).parents[3] / "packages/dtypes/test/fixtures/quantisation.json"

# Where the f16 scales of a block lie: they are finite (subnormal and negative ones too); every other byte is random.
SCALES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q2_K: [80, 82],
    Type.Q3_K: [108],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
    Type.IQ4_NL: [0],
    Type.IQ4_XS: [0],
}


def text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def finite_halves(random: np.random.Generator, count: int) -> np.ndarray:
    bits = random.integers(0, 0x7C00, count, dtype=np.uint16) | (random.integers(0, 2, count, dtype=np.uint16) << 15)
    return bits.astype("<u2")


def decoded(random: np.random.Generator) -> dict:
    cases = {}
    for type, offsets in SCALES.items():
        elements, size = GGML_QUANT_SIZES[type]
        blocks = random.integers(0, 256, (1024 // elements, size), dtype=np.uint8)
        for offset in offsets:
            blocks[:, offset : offset + 2] = finite_halves(random, len(blocks)).view(np.uint8).reshape(-1, 2)
        with np.errstate(over="ignore"):
            cases[type.name.lower()] = {"bytes": text(blocks), "values": text(dequantize(blocks, type).astype("<f4"))}
    return cases


def encoded(random: np.random.Generator) -> dict:
    values = random.standard_normal((32, 32)).astype("<f4") * np.exp(random.uniform(-12, 4, (32, 1))).astype("<f4")
    values[0] = 0
    values[1, 5] = 0.5
    cases = {"values": text(values)}
    for type in (Type.F16, Type.Q8_0, Type.Q4_0, Type.BF16):
        cases[type.name.lower()] = text(quantize(values, type))
    return cases


random = np.random.default_rng(20240229)
FIXTURE.parent.mkdir(parents=True, exist_ok=True)
FIXTURE.write_text(json.dumps({"decoded": decoded(random), "encoded": encoded(random)}, indent=2) + "\n")
print(FIXTURE)
