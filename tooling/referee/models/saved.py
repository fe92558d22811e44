"""Tiny random models as transformers 5 saves them, the GGUF files that llama.cpp makes of them, and what transformers computes.

    python saved.py LLAMA_CPP

LLAMA_CPP is the folder of llama.cpp's source, which has convert_hf_to_gguf.py.
"""

import base64
import io
import json
import shutil
import sys
from pathlib import Path
from unittest.mock import patch

import sentencepiece
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, LlamaTokenizer, PreTrainedTokenizerFast

FIXTURES = Path(__file__).parents[3] / "apps/cli/test/fixtures/saved"

# What the vocabularies are trained on.
PROSE = """A young llama is called a cria. It stands up within an hour of its birth, and its mother hums to it. Llamas carry loads
of 25 to 30 kg over the mountains, for 8 to 13 km a day. They don't like to be alone; they'll follow one another, and if one is
loaded with too much, it lies down and won't go on. "It's here," they said, "and we've waited since 1998 for it." The llama's wool
is soft: people spin it, dye it, and weave it. Überall hört man das Summen. Les lamas sont élevés en Amérique du Sud. 大羊驼住在山上。
    for (let day = 0; day < 365; day++) carry(day)
"""

TEXTS = [
    "A young llama hums.",
    "They'll carry 12345 kg  over\n\n the mountains\t, won't they?",
    "<|im_start|>user\nWho is a cria?<|im_end|>",
    "one<tool>two <tool> three",
    "  Überall 大羊驼 🦙 café\r\n",
    "",
]

CHATML = (
    "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

MESSAGES = [
    {"role": "system", "content": "You hum."},
    {"role": "user", "content": "Who is a cria?"},
]

# Longer than the 16 positions that the scaled model was "trained" on.
IDS = [(37 * i + 11) % 300 for i in range(40)]
POSITIONS = [0, 15, 16, 39]

# Rows of the embedding without a token.
PADDING = 16

ADDED = [
    AddedToken("<|im_start|>", special=True, normalized=False),
    AddedToken("<|im_end|>", special=True, normalized=False),
    AddedToken("<tool>", special=False, normalized=False),
]


def byte_level() -> PreTrainedTokenizerFast:
    """Of the kind of Llama 3's: its pattern, then byte-level BPE."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=310, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator([PROSE], trainer)
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
    bos = ("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{bos[0]} $A", special_tokens=[bos])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos[0], eos_token="<|end_of_text|>")


def metaspace() -> tuple[LlamaTokenizer, bytes]:
    """Of the kind of Llama 2's, and its tokenizer.model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(PROSE.splitlines()), model_writer=model, model_type="bpe", vocab_size=340,
        character_coverage=0.99995, byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, num_threads=1, minloglevel=2,
    )  # fmt: skip
    folder = FIXTURES / "sentencepiece"
    folder.mkdir(parents=True)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    tokenizer = LlamaTokenizer.from_pretrained(folder, legacy=False, add_bos_token=True)
    shutil.rmtree(folder)
    return tokenizer, model.getvalue()


def model_of(tokenizer: PreTrainedTokenizerFast, seed: int, **config) -> LlamaForCausalLM:
    eos = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    model = LlamaForCausalLM(LlamaConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=eos, attn_implementation="eager", **config
    ))  # fmt: skip
    model.generation_config.update(eos_token_id=eos, do_sample=True, temperature=0.7, top_p=0.85)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = torch.randn(parameter.shape, generator=random)
            norm = parameter.dim() == 1 and not name.endswith("bias")
            parameter.copy_(1 + 0.1 * values if norm else 0.4 * values)
    return model.to(torch.bfloat16)


def expected(folder: Path) -> dict:
    """What transformers makes of a folder, its weights widened to float64."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    logits = model(torch.tensor([IDS])).logits[0, POSITIONS]
    prompt = tokenizer.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True)

    def greedy(text: str, add_special_tokens: bool) -> dict:
        ids = tokenizer(text, add_special_tokens=add_special_tokens, return_tensors="pt")
        padding = list(range(len(tokenizer), model.config.vocab_size))
        answer = model.generate(**ids, do_sample=False, max_new_tokens=12, suppress_tokens=padding)[0].tolist()
        answer = answer[ids.input_ids.shape[1] :]
        ends = answer[-1] in model.generation_config.eos_token_id
        return {"prompt": text, "promptTokens": ids.input_ids.shape[1], "ids": answer[:-1] if ends else answer, "ends": ends}

    return {
        "texts": [{"text": text, "ids": tokenizer(text).input_ids} for text in TEXTS],
        "messages": MESSAGES,
        "ids": IDS,
        "positions": POSITIONS,
        "logits": base64.b64encode(logits.numpy().astype("<f4").tobytes()).decode(),
        "tokens": len(tokenizer),
        "generated": greedy(TEXTS[0], True),
        "answered": greedy(prompt, False),
    }


def convert(folder: Path, gguf: Path, pre: str) -> None:
    """
    llama.cpp's converter. It knows a byte-level vocabulary by a hash of the ids of one text, so it knows none that was just
    made: for such a one, its maintainers add a row of the hash and the name of its pattern. `pre` is that name.
    """
    import convert_hf_to_gguf
    from conversion.base import TextModel

    command = ["convert_hf_to_gguf.py", str(folder), "--outfile", str(gguf), "--outtype", "bf16", "--model-name", folder.name]
    with patch.object(TextModel, "get_vocab_base_pre", lambda *_: pre), patch.object(sys, "argv", command):
        convert_hf_to_gguf.main()


@torch.no_grad()
def main(llama_cpp: Path) -> None:
    sys.path.insert(0, str(llama_cpp))
    shutil.rmtree(FIXTURES, ignore_errors=True)
    tokenizer = byte_level()
    sentences, sentencepiece_model = metaspace()
    for each in (tokenizer, sentences):
        each.add_tokens(ADDED)
        each.chat_template = CHATML
    sizes = {"hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 24, "max_position_embeddings": 128}
    llama3 = {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }  # fmt: skip
    cases = {
        "byte-level": (tokenizer, None, dict(
            **sizes, vocab_size=len(tokenizer) + PADDING, num_hidden_layers=2, num_key_value_heads=2, head_dim=12,
            attention_bias=True, mlp_bias=True, tie_word_embeddings=False, rope_parameters=llama3, rms_norm_eps=1e-5,
        )),
        "sentencepiece": (sentences, sentencepiece_model, dict(
            **sizes, vocab_size=len(sentences) + PADDING, num_hidden_layers=1, num_key_value_heads=1, head_dim=8,
            tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, rms_norm_eps=1e-6,
        )),
    }  # fmt: skip
    for seed, (name, (tokenizer, beside, config)) in enumerate(cases.items(), start=1):
        folder = FIXTURES / name
        model_of(tokenizer, seed, **config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        found = expected(folder)
        # transformers 5 writes none, but a model that had one keeps it, and llama.cpp takes the order of merges from nothing else.
        if beside:
            (folder / "tokenizer.model").write_bytes(beside)
        convert(folder, FIXTURES / f"{name}.gguf", "llama-bpe")
        (folder / "tokenizer.model").unlink(missing_ok=True)
        (FIXTURES / f"{name}.json").write_text(json.dumps(found, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
