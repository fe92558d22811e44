"""Writes packages/tokenizer/src/unicode-ranges.ts: the classes that patterns of tokenizers name.

Asks the regular expressions of Hugging Face's tokenizers about every code point, so that the table has their version of
Unicode. Their digits splitter has its own, newer version: DIGITS lists what it has more.

    pip install tokenizers==0.23.3
    python unicode_classes.py
"""

from pathlib import Path

from tokenizers import Regex, pre_tokenizers

TARGET = Path(__file__).parents[3] / 'packages/tokenizer/src/unicode-ranges.ts'
ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'


def scalars():
    return (c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)


def matched(pattern):
    split = pre_tokenizers.Split(Regex(pattern), 'removed')
    return [c for c in scalars() if not split.pre_tokenize_str(chr(c))]


def base36(number):
    text = ''
    while True:
        number, digit = divmod(number, 36)
        text = ALPHABET[digit] + text
        if number == 0:
            return text


def packed(code_points):
    ranges = []
    for c in code_points:
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    at, words = 0, []
    for first, last in ranges:
        words.append(base36(first - at) + (f'-{base36(last - first)}' if last > first else ''))
        at = last + 1
    return ' '.join(words)


def constant(name, text, comment):
    lines = [text[i : i + 100] for i in range(0, len(text), 100)]
    body = ' +\n'.join(f"  '{line}'" for line in lines)
    return f'/** {comment} */\nexport const {name} =\n{body}\n'


digits = pre_tokenizers.Digits(individual_digits=True)
numbers = matched(r'\p{N}')
more = [c for c in scalars() if len(digits.pre_tokenize_str(f'a{chr(c)}a')) == 3 and c not in set(numbers)]
TARGET.write_text(
    '// Written by tooling/referee/tokenizer/unicode_classes.py. Each range: how many code points to skip since the last\n'
    '// range and, after a dash, how many follow the first, both in base 36.\n\n'
    + '\n'.join(
        [
            constant('letters', packed(matched(r'\p{L}')), 'General category L, Unicode 16.'),
            constant('numbers', packed(numbers), 'General category N, Unicode 16.'),
            constant('newerNumbers', packed(more), 'General category N of Unicode 17 that Unicode 16 does not have.'),
            constant('punctuation', packed(matched(r'\p{P}')), 'General category P, Unicode 16.'),
        ]
    )
)
