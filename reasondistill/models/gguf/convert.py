"""GGUF to a safetensors directory that transformers, TRL and vLLM load; done once per file and kept in the cache.

The weights become float32. Tokenizer, chat template and end tokens come from the header and are checked first.
"""

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import ModelError
from ..memory import free_memory, require_memory
from .metadata import count_parameters, read_metadata, write_lean_copy
from .tokenizer import build_tokenizer, end_token_ids

VERSION = 1
"""Part of the directory's name: raised when the same file would convert to something else."""

_TAKES_VOCABULARY_SIZE = ("llama", "qwen2", "qwen3")
"""Architectures whose vocabulary size transformers reads from the header, so that the words need not be read."""


def convert_gguf(source: Path, *, sha256: str, cache: Path) -> Path:
    """Return the directory under `cache`/converted that holds the model of `source`, made if it is not there.

    `sha256` is the file's hash and names the directory. Raises ModelError where torch, transformers or gguf are not
    installed, the architecture or tokenizer is not known, or the disk is full.
    """
    from filelock import FileLock

    target = cache / "converted" / f"{sha256[:16]}-v{VERSION}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{target.parent}: cannot be made ({error.strerror}); set REASONDISTILL_CACHE") from error
    with FileLock(target.with_name(target.name + ".lock")):
        for leftover in target.parent.glob(f"{target.name}.tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if not target.is_dir():
            _convert_into(source, target)
    return target


def _convert_into(source: Path, target: Path) -> None:
    """Convert in a folder beside the target, and move it into place when it is whole."""
    work = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp-", dir=target.parent))
    try:
        from safetensors import SafetensorError

        with quiet():
            metadata = read_metadata(source)
            way_out = "use --engine llamacpp, which reads the file as it is, or a smaller model"
            require_memory(str(source), 4 * count_parameters(source), free=free_memory(), way_out=way_out)
            tokenizer = build_tokenizer(metadata, source)
            model = _load(source, work, metadata["general.architecture"])
            _tie(model)
            for config in (model.config, model.generation_config):
                config.bos_token_id, config.pad_token_id = tokenizer.bos_token_id, tokenizer.pad_token_id
            ends = end_token_ids(metadata)
            model.config.eos_token_id, model.generation_config.eos_token_id = ends[0], ends
            try:
                model.save_pretrained(work)
            except SafetensorError as error:  # a full disk comes as this, which is no OSError
                raise OSError(str(error)) from error
            tokenizer.save_pretrained(work)
            _check(work, source)
        work.rename(target)
    except ImportError as error:
        missing = error.name or "gguf"
        raise ModelError(f"{source}: converting it needs {missing}; install reasondistill[train]") from error
    except OSError as error:
        way_out = "free space there or set REASONDISTILL_CACHE to a folder on another disk"
        raise ModelError(f"{source}: {target.parent} cannot be written ({_first_line(error)}); {way_out}") from error
    except (ValueError, KeyError, RuntimeError) as error:
        way_out = "use the model's hub id or a directory with safetensors instead"
        raise ModelError(f"{source}: cannot be converted to safetensors ({_first_line(error)}); {way_out}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _load(source: Path, work: Path, architecture: str) -> Any:
    """Return the dequantised model; `work` is a folder for a temporary file."""
    import torch
    from transformers import AutoModelForCausalLM

    lean = source
    if architecture in _TAKES_VOCABULARY_SIZE:
        lean = work / "lean.gguf"
        write_lean_copy(source, lean)
    model = AutoModelForCausalLM.from_pretrained(lean.parent, gguf_file=lean.name, dtype=torch.float32)
    if lean is not source:
        lean.unlink()
    # The weights are dequantised, yet save_pretrained refuses as long as the model says that it is quantised.
    model.hf_quantizer, model.is_quantized = None, False
    del model.config.quantization_config
    return model


def _tie(model: Any) -> None:
    """Make embedding and output one matrix again where they only differ by their quantisation.

    llama.cpp stores a tied matrix twice, the output copy in a finer format (Qwen2.5-0.5B: Q5_0 and Q8_0). Left apart
    they would be trained apart and take half a gigabyte more. Copies differ by some 4 %, matrices of their own by over
    100 %.
    """
    embedding, output = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    if embedding is output or embedding.shape != output.shape:
        return
    difference = (embedding.data - output.data).norm() / output.data.norm()
    if difference < 0.15:
        model.config.tie_word_embeddings = True
        embedding.data = output.data
        model.tie_weights()


def _check(directory: Path, source: Path) -> None:
    """Load the saved tokenizer as users do and refuse one that would train or stop wrongly."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    turn = tokenizer.apply_chat_template([{"role": "user", "content": "2+2"}], tokenize=False)
    end, probe = (tokenizer.encode(text, add_special_tokens=False) for text in (tokenizer.eos_token, _PROBE))
    faults = {
        "the end token is not one token": end != [config["eos_token_id"]],
        "no padding token": tokenizer.pad_token_id is None,
        "text does not survive encoding": tokenizer.decode(probe) != _PROBE,
        "the chat template drops the question": "2+2" not in turn,
    }
    for fault, found in faults.items():
        if found:
            raise ModelError(f"{source}: the converted tokenizer is wrong ({fault}); use the model's hub id instead")


_PROBE = "x_1 = 1234.5 + \t67\n\n  “né” 9/8 <tag> 计算\r\n"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' bars and warnings; its GGUF reader's own bar needs stderr to be redirected."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
