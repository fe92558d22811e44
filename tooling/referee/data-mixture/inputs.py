"""Small files of documents by pyarrow and zstandard, which the tests of @cria/data-mixture read."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

FIXTURES = Path(__file__).parents[3] / "packages/data-mixture/test/fixtures"
DOCUMENTS = ["Once upon a time.", "", "Two\nlines", "naïve café 🦙", "  \n ", "a llama " * 40, "日本語の文章"]

lines = "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(DOCUMENTS)).encode()
half = len(lines) // 2
one_frame = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(lines)
streamed = zstandard.ZstdCompressor(level=3)
unsized = streamed.compressobj()
skippable = bytes([0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0]) + b"abc"
frames = skippable + b"".join(
    [unsized.compress(lines[:half]) + unsized.flush(), zstandard.compress(lines[half:], 19)]
)
(FIXTURES / "one-frame.jsonl.zst").write_bytes(one_frame)
(FIXTURES / "frames.jsonl.zst").write_bytes(frames)

schema = pa.schema([pa.field("id", pa.int32()), pa.field("text", pa.string(), nullable=False)])
for codec in ["snappy", "zstd", "gzip", "brotli", "none"]:
    table = pa.table({"id": range(len(DOCUMENTS)), "text": DOCUMENTS}, schema=schema)
    options = dict(compression=codec, row_group_size=3, store_schema=False, write_statistics=False)
    pq.write_table(table, FIXTURES / f"{codec}.parquet", data_page_version="2.0" if codec == "gzip" else "1.0", **options)

pq.write_table(pa.table({"text": ["a", None]}), FIXTURES / "null.parquet", store_schema=False)
binary = pa.table({"text": pa.array([b"fine", b"\xff\xfe"], pa.binary())})
pq.write_table(binary, FIXTURES / "not-utf8.parquet", store_schema=False)
bomb = pa.table({"text": pa.array(["a" * (2**28 + 1)])}, schema=pa.schema([pa.field("text", pa.string(), nullable=False)]))
options = dict(compression="zstd", use_dictionary=False, store_schema=False, write_statistics=False)
pq.write_table(bomb, FIXTURES / "bomb.parquet", **options)
