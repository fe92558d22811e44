"""Makes the ONNX model that `pnpm bench inference --peer transformers.js --onnx FOLDER` loads.

    cria convert model.gguf model-hf --weights f32
    python make_onnx.py model-hf model-onnx --type q4

It needs `pip install onnxruntime onnxruntime-genai onnx onnx-ir torch transformers`. ONNX Runtime's own builder fuses attention
and quantises matrices to 4 bits; its quantiser makes q8, whose matrices multiply x rounded to 8 bits. What the builder writes in two
files becomes one, named as transformers.js looks for it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

# By transformers.js's name of a type: the builder's precision, what it builds for, and the end of the file's name.
TYPES = {
    "fp32": ("fp32", "cpu", ""),
    "fp16": ("fp16", "webgpu", "_fp16"),
    "q8": ("fp32", "cpu", "_quantized"),
    "q4": ("int4", "cpu", "_q4"),
    "q4f16": ("int4", "webgpu", "_q4f16"),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path, help="a folder in Hugging Face's layout")
    parser.add_argument("output", type=Path)
    parser.add_argument("--type", choices=TYPES, default="q4")
    options = parser.parse_args()
    precision, provider, ending = TYPES[options.type]
    with tempfile.TemporaryDirectory() as made:
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
        # transformers.js has no kernel for embeddings of 4 bits on the CPU, so they are not shared with the head.
        extra = ["--extra_options", "shared_embeddings=false"]
        subprocess.run(
            [*builder, "-i", options.input, "-o", made, "-p", precision, "-e", provider, *extra], check=True
        )
        path = Path(made) / "model.onnx"
        if options.type == "q8":
            quantize_dynamic(path, path, op_types_to_quantize=["MatMul"], weight_type=QuantType.QUInt8)
        model = onnx.load(path)
    config = json.loads((options.input / "config.json").read_text())
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    # transformers.js makes an empty cache of each shape, with 0 for what has no number.
    for tensor in model.graph.input:
        if tensor.name.startswith("past_key_values"):
            tensor.type.tensor_type.shape.dim[3].dim_value = width
    (options.output / "onnx").mkdir(parents=True, exist_ok=True)
    onnx.save(model, options.output / "onnx" / f"model{ending}.onnx")
    for name in ("config.json", "generation_config.json"):
        if (options.input / name).exists():
            shutil.copy(options.input / name, options.output / name)


main()
