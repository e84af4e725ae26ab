"""GGUF to safetensors: the tokenizer and end tokens that training and stopping depend on."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from reasondistill.errors import ModelError
from reasondistill.models.gguf.convert import convert_gguf
from reasondistill.models.gguf.metadata import quantisation, read_metadata, write_lean_copy
from reasondistill.models.gguf.tokenizer import build_tokenizer, end_token_ids
from reasondistill.models.resolve import weights_directory

gguf = pytest.importorskip("gguf")
pytest.importorskip("transformers")

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
DIGITS = ["1 2", "3 4", "12 34"]


def byte_words() -> list[str]:
    """The 256 one-byte words of every byte-level vocabulary, as GPT-2 writes them."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def header(**changes: Any) -> dict[str, Any]:
    """The header of a small ChatML model that merges digits, so that a missing digit split shows."""
    words = [*SPECIAL, *byte_words(), *[merge.replace(" ", "") for merge in DIGITS], "<tool_call>", "[PAD0]"]
    kinds = [3] * 3 + [1] * (256 + len(DIGITS)) + [4, 5]
    standard = {
        "general.architecture": "llama",
        "llama.context_length": 64,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": DIGITS,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": TEMPLATE,
    }
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return {k: v for k, v in (standard | changed).items() if v is not None}


def write_model(path: Path, *, output: str = "tied", bits: int = 32, **changes: Any) -> Path:
    """Write a two-layer model; `output` says how its output matrix relates to its embedding."""
    import numpy as np

    values, width = header(**changes), 32
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in values.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, list):
            writer.add_array(key, value)
        elif key != "general.architecture":
            writer.add_string(key, value)
    numbers = {"block_count": 2, "embedding_length": width, "feed_forward_length": 64, "rope.dimension_count": 8}
    numbers |= {"attention.head_count": 4, "attention.head_count_kv": 2}
    for key, number in numbers.items():
        writer.add_uint32(f"llama.{key}", number)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32("llama.rope.freq_base", 10000.0)

    def tensor(name: str, *shape: int) -> Any:
        data = (random.standard_normal(shape) * 0.3).astype(f"float{bits}")
        writer.add_tensor(name, data)
        return data

    embedding = tensor("token_embd.weight", len(values["tokenizer.ggml.tokens"]), width)
    if output == "copy":
        writer.add_tensor("output.weight", embedding * embedding.dtype.type(1.02))
    elif output == "own":
        tensor("output.weight", *embedding.shape)
    tensor("output_norm.weight", width)
    for layer in range(2):
        for name, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", 16, width),
            ("attn_v", 16, width),
            ("attn_output", width, width),
            ("ffn_gate", 64, width),
            ("ffn_up", 64, width),
            ("ffn_down", width, 64),
        ):
            tensor(f"blk.{layer}.{name}.weight", rows, columns)
        tensor(f"blk.{layer}.attn_norm.weight", width)
        tensor(f"blk.{layer}.ffn_norm.weight", width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_converted_directory_has_all_that_training_needs(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = write_model(tmp_path / "tiny.gguf")
    target = convert_gguf(source, sha256="ab" * 32, cache=tmp_path)
    assert target.parent == tmp_path / "converted"
    assert target.name.startswith("ab" * 8)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(target), AutoTokenizer.from_pretrained(target)
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == ("<|im_end|>",) * 2 + ("<|im_start|>",)
    assert (model.config.eos_token_id, model.generation_config.eos_token_id) == (2, [2, 0])
    assert (model.config.pad_token_id, model.config.tie_word_embeddings) == (2, True)
    assert tokenizer.chat_template == TEMPLATE
    assert not (target / "lean.gguf").exists()
    assert not list(target.parent.glob("*.tmp-*"))


def test_second_conversion_does_nothing(tmp_path: Path) -> None:
    source = write_model(tmp_path / "tiny.gguf")
    target = convert_gguf(source, sha256="ab" * 32, cache=tmp_path)
    source.unlink()
    assert convert_gguf(source, sha256="ab" * 32, cache=tmp_path) == target


def test_leftover_of_a_killed_conversion_goes(tmp_path: Path) -> None:
    source = write_model(tmp_path / "tiny.gguf")
    target = convert_gguf(source, sha256="ab" * 32, cache=tmp_path)
    leftover = target.rename(target.with_name(target.name + ".tmp-x"))
    assert convert_gguf(source, sha256="ab" * 32, cache=tmp_path) == target
    assert not leftover.exists()


@pytest.mark.parametrize(("output", "tied"), [("tied", True), ("copy", True), ("own", False)])
def test_output_matrix_is_tied_only_where_it_was(tmp_path: Path, output: str, tied: bool) -> None:
    from safetensors import safe_open

    source = write_model(tmp_path / "tiny.gguf", output=output)
    target = convert_gguf(source, sha256="ab" * 32, cache=tmp_path)
    assert json.loads((target / "config.json").read_text())["tie_word_embeddings"] is tied
    with safe_open(target / "model.safetensors", "pt") as weights:
        assert ("lm_head.weight" in weights.keys()) is not tied  # noqa: SIM118 - not a dict


def test_conversion_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    convert_gguf(write_model(tmp_path / "tiny.gguf"), sha256="ab" * 32, cache=tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("1234", ["1", "2", "3", "4"]),
        ("<|im_start|>a<|im_end|>", ["<|im_start|>", "a", "<|im_end|>"]),
        ("<tool_call>1", ["<tool_call>", "1"]),
    ],
)
@pytest.mark.parametrize("family", ["smollm", "qwen2"])
def test_text_is_split_as_the_family_splits_it(family: str, text: str, pieces: list[str]) -> None:
    tokenizer = build_tokenizer(header(tokenizer__ggml__pre=family), Path("m.gguf"))
    assert [tokenizer.decode([number]) for number in tokenizer.encode(text)] == pieces


@pytest.mark.parametrize(("family", "count"), [("gpt-2", 1), ("smollm", 4), ("qwen2", 4), ("llama-bpe", 3)])
def test_digit_groups_differ_between_families(family: str, count: int) -> None:
    tokenizer = build_tokenizer(header(tokenizer__ggml__pre=family), Path("m.gguf"))
    assert len(tokenizer.encode("1234")) == count


def test_tool_tokens_stay_in_text_and_end_tokens_do_not() -> None:
    tokenizer = build_tokenizer(header(), Path("m.gguf"))
    assert tokenizer.decode(tokenizer.encode("<tool_call>a<|im_end|>"), skip_special_tokens=True) == "<tool_call>a"


@pytest.mark.parametrize(("asked", "first"), [(True, "<|im_start|>"), (False, "a")])
def test_start_token_is_added_only_where_the_header_asks(asked: bool, first: str) -> None:
    tokenizer = build_tokenizer(header(tokenizer__ggml__add_bos_token=asked), Path("m.gguf"))
    assert tokenizer.decode(tokenizer.encode("a")[:1]) == first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer__ggml__pre": "gemma9"}, r"its tokenizer \(gpt2, gemma9\) cannot be converted.*hub id"),
        ({"tokenizer__ggml__model": "llama"}, r"its tokenizer \(llama, smollm\) cannot be converted"),
        ({"tokenizer__chat_template": None}, "no chat template"),
        ({"tokenizer__ggml__eos_token_id": None}, "no end token"),
    ],
)
def test_tokenizer_that_cannot_be_right_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_tokenizer(header(**changes), Path("m.gguf"))


def test_end_tokens_are_the_headers_and_the_well_known_ones() -> None:
    assert end_token_ids(header()) == [2, 0]
    assert end_token_ids(header(tokenizer__ggml__eos_token_id=0, tokenizer__ggml__eot_token_id=2)) == [0, 2]


def test_architecture_that_is_not_known_is_one_line(tmp_path: Path) -> None:
    source = write_model(tmp_path / "tiny.gguf")
    source.write_bytes(source.read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0lnova", 1))
    with pytest.raises(ModelError, match="cannot be converted") as caught:
        convert_gguf(source, sha256="ab" * 32, cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_disk_that_fills_up_is_one_line(tmp_path: Path) -> None:
    source = write_model(tmp_path / "tiny.gguf", bits=16)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Above the 16-bit temporary file, below the 32-bit weights.
    resource.setrlimit(resource.RLIMIT_FSIZE, (source.stat().st_size, limits[1]))
    try:
        with pytest.raises(ModelError, match=r"File too large") as caught:
            convert_gguf(source, sha256="ab" * 32, cache=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value).startswith(f"{source}: {tmp_path / 'converted'} cannot be written (")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "converted").glob("*.tmp-*"))


def test_header_is_read_without_a_model_library(tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.gguf", general__file_type=15)
    values = read_metadata(path)
    assert values["tokenizer.ggml.tokens"] == header()["tokenizer.ggml.tokens"]
    assert values["llama.rope.freq_base"] == 10000.0
    assert quantisation(values) == "Q4_K_M"


def test_lean_copy_keeps_tensors_and_size_of_the_vocabulary(tmp_path: Path) -> None:
    import numpy as np

    source, copy = write_model(tmp_path / "tiny.gguf"), tmp_path / "lean.gguf"
    write_lean_copy(source, copy)
    values = read_metadata(copy)
    assert "tokenizer.ggml.tokens" not in values
    assert values["llama.vocab_size"] == len(header()["tokenizer.ggml.tokens"])
    for before, after in zip(gguf.GGUFReader(source).tensors, gguf.GGUFReader(copy).tensors, strict=True):
        assert before.name == after.name
        assert np.array_equal(before.data, after.data)


@pytest.mark.parametrize("size", [0, 3, 4, 20, 100, 1000])
def test_truncated_header_is_one_line(tmp_path: Path, size: int) -> None:
    path = write_model(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ModelError, match="not a usable GGUF file"):
        read_metadata(path)


REAL = {
    "smollm2-135m-instruct": ("<|im_end|>", 2, [2, 0]),
    "qwen2.5-coder-0.5b-instruct": ("<|endoftext|>", 151645, [151645, 151643]),
}


@pytest.fixture(scope="module", params=REAL)
def real_model(request: pytest.FixtureRequest) -> tuple[str, Path]:
    try:
        return request.param, weights_directory(request.param)
    except ModelError as error:
        pytest.skip(f"the model cannot be had: {error}")


@pytest.mark.model
def test_real_model_has_its_own_tokenizer(real_model: tuple[str, Path]) -> None:
    from transformers import AutoTokenizer, GenerationConfig

    name, directory = real_model
    pad, end, ends = REAL[name]
    tokenizer = AutoTokenizer.from_pretrained(directory)
    assert (tokenizer.eos_token, tokenizer.eos_token_id, tokenizer.pad_token) == ("<|im_end|>", end, pad)
    assert GenerationConfig.from_pretrained(directory).eos_token_id == ends
    pieces = [tokenizer.decode([number]) for number in tokenizer.encode("x = 1234.5\n<|im_end|>")]
    assert pieces == ["x", " =", " ", "1", "2", "3", "4", ".", "5", "\n", "<|im_end|>"]


@pytest.mark.model
def test_real_model_answers_and_ends_its_turn(real_model: tuple[str, Path]) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    directory = real_model[1]
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**prompt, do_sample=False, max_new_tokens=40)[0][prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(answer) == "The capital of France is Paris.<|im_end|>"
