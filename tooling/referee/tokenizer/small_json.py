"""Writes packages/tokenizer/test/small-json.fixture.json: small tokenizer.json files of every kind that Cria reads, and the
ids of Hugging Face's tokenizers for a list of texts, with special tokens recognised and without.

    pip install tokenizers==0.23.3
    python small_json.py
"""

import json
from pathlib import Path

from tokenizers import Tokenizer

FIXTURE = Path(__file__).parents[3] / 'packages/tokenizer/test/small-json.fixture.json'
WORDS = 'the llama sleeps in the sun and the other llama eats the grass while the moon rises'.split()

TEXTS = [
    '',
    ' ',
    'the llama',
    ' the  llama ',
    '\u2581the \u2581 llama',
    'the\nllama\n\n  eats',
    "It's the llama'S sun, 12345 times!!  \r\n",
    'caf\u00e9 e\u0301 \ud55c\uad6d \U0001f999 \u6f22\u5b57',
    '<s>the</s> llama <s> ',
    'a<|im_end|>b <|im_end|>  c<|im_end|>',
    'the<left> llama  <left>  <right>  the <right>the',
    'word aword word_ word.word \u00e9word word',
    'plain plain',
    'xyz<unk>qqq \u0000',
    'a\t\tb  \u3000c\u0085d',
]


def merges_of(words, count):
    """Byte-pair encoding by its definition: the most frequent pair, the first of equals."""
    merges = []
    for _ in range(count):
        pairs = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = max(pairs, key=pairs.get)
        merges.append(best)
        words = [merged(word, best) for word in words]
    return merges


def merged(word, pair):
    out = []
    for symbol in word:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


def added(id, content, **flags):
    base = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    return dict(id=id, content=content, **{**base, **flags})


def extra(first):
    return [
        added(first, '<|im_end|>'),
        added(first + 1, '<left>', lstrip=True),
        added(first + 2, '<right>', rstrip=True, special=False),
        added(first + 3, 'word', single_word=True, special=False),
        added(first + 4, 'plain', normalized=True, special=False),
    ]


def characters(byte_fallback=True):
    words = [list('\u2581' + word) for word in WORDS]
    merges = merges_of(words, 40)
    bytes_ = [f'<0x{byte:02X}>' for byte in range(256)] if byte_fallback else []
    chars = sorted({char for word in words for char in word})
    vocab = {piece: i for i, piece in enumerate(['<unk>', '<s>', '</s>', *bytes_, *chars, *map(''.join, merges)])}
    steps = [dict(type='Prepend', prepend='\u2581'), dict(type='Replace', pattern=dict(String=' '), content='\u2581')]
    decoders = [
        dict(type='Replace', pattern=dict(String='\u2581'), content=' '),
        dict(type='ByteFallback'),
        dict(type='Fuse'),
        dict(type='Strip', content=' ', start=1, stop=0),
    ]
    return dict(
        version='1.0',
        truncation=None,
        padding=None,
        added_tokens=[added(i, piece) for i, piece in enumerate(['<unk>', '<s>', '</s>'])],
        normalizer=dict(type='Sequence', normalizers=steps),
        pre_tokenizer=None,
        post_processor=None,
        decoder=dict(type='Sequence', decoders=decoders),
        model=dict(
            type='BPE',
            dropout=None,
            unk_token='<unk>',
            continuing_subword_prefix=None,
            end_of_word_suffix=None,
            fuse_unk=True,
            byte_fallback=byte_fallback,
            ignore_merges=False,
            vocab=vocab,
            merges=[list(merge) for merge in merges],
        ),
    )


def byte_chars():
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    chars, more = {}, 0x100
    for byte in range(256):
        chars[byte] = chr(byte if byte in visible else more)
        more += byte not in visible
    return chars


def byte_level():
    chars = byte_chars()
    texts = [*WORDS, *(' ' + word for word in WORDS), ' 12', '  ', "'s", '\u00e9', '\u6f22', '\n\n']
    words = [[chars[byte] for byte in text.encode()] for text in texts]
    merges = merges_of(words, 60)
    vocab = {piece: i for i, piece in enumerate([*chars.values(), *map(''.join, merges)])}
    file = characters()
    file.update(
        normalizer=None,
        pre_tokenizer=dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=True),
        decoder=dict(type='ByteLevel', add_prefix_space=True, trim_offsets=True, use_regex=True),
        added_tokens=[],
    )
    file['model'].update(
        unk_token=None, byte_fallback=False, fuse_unk=False, vocab=vocab, merges=[' '.join(merge) for merge in merges]
    )
    file['added_tokens'] = [added(len(vocab), '<s>'), added(len(vocab) + 1, '</s>')]
    return file


PATTERNS = dict(
    llama3=r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    qwen2=r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)


def split(name):
    return dict(
        type='Sequence',
        pretokenizers=[
            dict(type='Split', pattern=dict(Regex=PATTERNS[name]), behavior='Isolated', invert=False),
            dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=False),
        ],
    )


def metaspace(scheme, whole):
    return dict(type='Metaspace', replacement='\u2581', prepend_scheme=scheme, split=not whole)


def variants():
    yield 'classic', characters()
    for scheme in ('first', 'always', 'never'):
        for whole in (True, False):
            file = characters()
            file.update(normalizer=None, pre_tokenizer=metaspace(scheme, whole))
            file['added_tokens'] += extra(len(file['model']['vocab']))
            yield f'Metaspace {scheme}{"" if whole else " split"}', file
    file = characters()
    file.update(normalizer=None, pre_tokenizer=metaspace('first', True))
    file['model']['unk_token'] = None
    yield 'transformers 5', file
    file = characters()
    file['added_tokens'] += extra(len(file['model']['vocab']))
    yield 'added tokens', file
    file = characters()
    seen = set()
    file['model']['merges'] = [m for m in characters()['model']['merges'] if m[0] not in seen and not seen.add(m[0])]
    yield 'some merges', file
    for fuse in (True, False):
        file = characters(byte_fallback=False)
        file['model']['fuse_unk'] = fuse
        yield f'unk {"fused" if fuse else "alone"}', file
    file = characters()
    file['normalizer'] = dict(type='Replace', pattern=dict(String=' '), content='\u2581')
    yield 'no prefix', file
    file = characters()
    vocab = file['model']['vocab']
    file['model']['vocab'] = {piece: i if i < 270 else i + 5 for piece, i in vocab.items()}
    yield 'gaps', file
    file = characters()
    file['normalizer']['normalizers'].insert(0, dict(type='NFKC'))
    file['normalizer']['normalizers'].insert(0, dict(type='Replace', pattern=dict(String='llama'), content='sun'))
    yield 'normalisers', file

    yield 'byte level', byte_level()
    file = byte_level()
    file['added_tokens'] += extra(len(file['model']['vocab']) + 2)
    file['pre_tokenizer']['add_prefix_space'] = True
    yield 'byte level, prefix and added tokens', file
    file = byte_level()
    file['pre_tokenizer'] = dict(
        type='Sequence', pretokenizers=[dict(type='Digits', individual_digits=True), file['pre_tokenizer']]
    )
    yield 'SmolLM', file
    for name in PATTERNS:
        file = byte_level()
        file['pre_tokenizer'] = split(name)
        file['added_tokens'] += extra(len(file['model']['vocab']) + 2)
        yield name, file
    file = byte_level()
    file['pre_tokenizer'] = split('llama3')
    file['model']['merges'] = file['model']['merges'][:-20]
    yield 'merges that do not reach', file
    file = json.loads(json.dumps(file))
    file['model']['ignore_merges'] = True
    yield 'ignore_merges', file
    file = byte_level()
    file['normalizer'] = dict(type='NFC')
    yield 'byte level, NFC', file
    for unk in (None, '<s>'):
        file = byte_level()
        missing = [byte_chars()[byte] for byte in b'xq']
        file['model']['vocab'] = {p: i for p, i in file['model']['vocab'].items() if p not in missing}
        # Hugging Face's tokenizers give added tokens that are not in the vocabulary the next free ids, whatever theirs are.
        file['model']['vocab'].update({token['content']: token['id'] for token in file['added_tokens']})
        file['model']['unk_token'] = unk
        yield f'bytes missing, {"unk" if unk else "no unk"}', file
    for name, around in (('BOS', [True, False]), ('BOS and EOS', [True, True]), ('neither', [False, False])):
        file = byte_level()
        ids = {'<s>': file['added_tokens'][0]['id'], '</s>': file['added_tokens'][1]['id']}
        token = lambda name: dict(SpecialToken=dict(id=name, type_id=0))
        single = [dict(Sequence=dict(id='A', type_id=0))]
        single = ([token('<s>')] if around[0] else []) + single + ([token('</s>')] if around[1] else [])
        file['post_processor'] = dict(
            type='Sequence',
            processors=[
                dict(type='ByteLevel', add_prefix_space=True, trim_offsets=False, use_regex=True),
                dict(
                    type='TemplateProcessing',
                    single=single,
                    pair=[*single, dict(Sequence=dict(id='B', type_id=1))],
                    special_tokens={n: dict(id=n, ids=[i], tokens=[n]) for n, i in ids.items()},
                ),
            ],
        )
        yield f'template with {name}', file


cases = []
for name, file in variants():
    tokenizer = Tokenizer.from_str(json.dumps(file))
    encoded = {}
    for key, special in (('plain', False), ('special', True)):
        tokenizer.encode_special_tokens = not special
        encoded[key] = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    tokenizer.encode_special_tokens = False
    around = tokenizer.encode('the', add_special_tokens=True).ids
    decoded = [tokenizer.decode(ids, skip_special_tokens=False) for ids in encoded['special']]
    skipped = [tokenizer.decode(ids, skip_special_tokens=True) for ids in encoded['special']]
    cases.append(dict(name=name, file=file, **encoded, around=around, decoded=decoded, skipped=skipped))
FIXTURE.write_text(json.dumps(dict(texts=TEXTS, cases=cases), ensure_ascii=True, separators=(',', ':')) + '\n')
print(len(cases), 'cases,', FIXTURE.stat().st_size, 'bytes')
