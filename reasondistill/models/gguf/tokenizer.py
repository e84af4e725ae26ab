"""The tokenizer inside a GGUF file, as a transformers tokenizer; only byte-level BPE vocabularies of known families.

transformers' own conversion is not used: in 5.17 it gives SmolLM2 its start token as end token and no digit splitting,
and Qwen2.5 `<|endoftext|>` as end token and no token for `<tool_call>`: a model trained so never learns to end its
turn.
"""

from pathlib import Path
from typing import Any

from ...errors import ModelError

_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5
"""`tokenizer.ggml.token_type`: special, added but shown in text, padding of the vocabulary."""

_END_NAMES = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>")
"""Control tokens that end a completion whatever the header says, as llama.cpp has it."""

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PATTERNS = {
    "gpt-2": (_GPT2,),
    "smollm": (r"\p{N}", _GPT2),
    "qwen2": (_QWEN2,),
    "deepseek-r1-qwen": (_QWEN2,),
    "llama-bpe": (_QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|"),),
}
"""`tokenizer.ggml.pre` and the patterns that cut text into words, one after the other (llama.cpp, llama-vocab.cpp)."""


def build_tokenizer(metadata: dict[str, Any], source: Path) -> Any:
    """Return a fast tokenizer for the header of `source`, chat template and special tokens included."""
    from transformers import PreTrainedTokenizerFast

    tokens = metadata["tokenizer.ggml.tokens"]

    def named(key: str) -> str | None:
        number = metadata.get(f"tokenizer.ggml.{key}_token_id")
        return None if number is None else str(tokens[number])

    end = named("eos")
    if end is None or not metadata.get("tokenizer.chat_template"):
        raise ModelError(f"{source}: the file names no end token or no chat template; use an instruct model's file")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_backend(metadata, source),
        bos_token=named("bos"),
        eos_token=end,
        pad_token=named("padding") or end,
        unk_token=named("unknown"),
        clean_up_tokenization_spaces=False,
        model_max_length=metadata.get(f"{metadata['general.architecture']}.context_length"),
    )
    tokenizer.chat_template = metadata["tokenizer.chat_template"]
    return tokenizer


def end_token_ids(metadata: dict[str, Any]) -> list[int]:
    """Return the ids that end a completion, the header's own end token first.

    >>> end_token_ids({"tokenizer.ggml.eos_token_id": 1, "tokenizer.ggml.tokens": ["<|endoftext|>", "<|im_end|>"],
    ...                "tokenizer.ggml.token_type": [3, 3]})
    [1, 0]
    """
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    first = [metadata.get(f"tokenizer.ggml.{key}_token_id") for key in ("eos", "eot", "eom")]
    named = [tokens.index(name) for name in _END_NAMES if name in tokens]
    return list(dict.fromkeys([i for i in first if i is not None] + [i for i in named if types[i] == _CONTROL]))


def _backend(metadata: dict[str, Any], source: Path) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    kind, family = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre")
    if kind != "gpt2" or family not in _PATTERNS:
        known = ", ".join(_PATTERNS)
        way_out = "use the model's hub id or a directory with safetensors instead"
        raise ModelError(f"{source}: its tokenizer ({kind}, {family}) cannot be converted (known: {known}); {way_out}")
    used = [t != _UNUSED for t in metadata["tokenizer.ggml.token_type"]]
    vocabulary = {token: i for i, token in enumerate(metadata["tokenizer.ggml.tokens"]) if used[i]}
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=family == "llama-bpe"))
    if family in ("qwen2", "deepseek-r1-qwen"):
        tokenizer.normalizer = normalizers.NFC()
    cuts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in _PATTERNS[family]]
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*cuts, bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    pairs = list(zip(metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"], strict=True))
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, kind in pairs if kind == _CONTROL])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, kind in pairs if kind == _USER_DEFINED])
    tokenizer.post_processor = plain = processors.ByteLevel(trim_offsets=False)
    if metadata.get("tokenizer.ggml.add_bos_token"):  # the start token stands before every text
        number = metadata["tokenizer.ggml.bos_token_id"]
        name = metadata["tokenizer.ggml.tokens"][number]
        pair = f"{name} $A {name} $B"
        start = processors.TemplateProcessing(single=f"{name} $A", pair=pair, special_tokens=[(name, number)])
        tokenizer.post_processor = processors.Sequence([plain, start])
    return tokenizer
