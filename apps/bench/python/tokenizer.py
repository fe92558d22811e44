"""Times Hugging Face's `tokenizers` on one thread, for `pnpm bench tokenizer`.

The first argument is JSON: the paths of a tokenizer.json, of a file with the texts of each round, and of the file for the ids. The
program writes one line of JSON when it is ready, and one for each round, which it begins when it reads a line. The ids of all rounds so
far are in their file then. It ends with its input.
"""

import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    options = json.loads(sys.argv[1])
    tokenizer = tokenizers.Tokenizer.from_file(options["vocabulary"])
    tokenizer.encode_special_tokens = True
    with open(options["rounds"]) as file:
        rounds = json.load(file)
    ids_of = {}
    answer({"description": f"tokenizers {tokenizers.__version__}, 1 thread"})
    for texts, _ in zip(rounds, sys.stdin):
        sample = {}
        for text in texts:
            start = time.perf_counter()
            encodings = tokenizer.encode_batch_fast(text["lines"], add_special_tokens=False)
            encoded = time.perf_counter() - start
            ids = [encoding.ids for encoding in encodings]
            start = time.perf_counter()
            tokenizer.decode_batch(ids, skip_special_tokens=False)
            decoded = time.perf_counter() - start
            sample[text["encode"]] = text["megabytes"] / encoded
            sample[text["decode"]] = text["megabytes"] / decoded
            ids_of.setdefault(text["text"], []).extend(ids)
        with open(options["ids"], "w") as file:
            json.dump(ids_of, file)
        answer(sample)


main()
