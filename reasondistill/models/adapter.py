"""A LoRA adapter of PEFT merged into its base model; done once and kept in the cache."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import ModelError
from .gguf.convert import quiet
from .memory import free_memory, require_memory, weight_bytes


def merge_adapter(adapter: Path, *, cache: Path, directory_of: Callable[[str], Path]) -> Path:
    """Return a directory with an adapter and its base in one. `directory_of` finds the base. Raises ModelError."""
    from filelock import FileLock

    config = (adapter / "adapter_config.json").read_bytes()
    try:
        reference = str(json.loads(config)["base_model_name_or_path"] or "")
    except (ValueError, KeyError, TypeError):
        reference = ""
    if not reference:
        message = "a LoRA adapter that names no base model in adapter_config.json; merge it with peft, or add the name"
        raise ModelError(f"{adapter}: {message}")
    try:
        base = directory_of(reference)
    except ModelError as error:
        message = f"a LoRA adapter whose base model is not there ({error}); name a folder with the merged model"
        raise ModelError(f"{adapter}: {message}") from error
    way_out = "merge the adapter on a larger machine"
    require_memory(reference, weight_bytes(base, 4), free=free_memory(), way_out=way_out)
    digest = hashlib.sha256(config + str(base).encode())
    for path in sorted(adapter.glob("*.safetensors")):
        digest.update(path.read_bytes())
    target = cache / "merged" / digest.hexdigest()[:16]
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(target.name + ".lock")):
        if not target.is_dir():
            _merge(adapter, base, target)
    return target


def _merge(adapter: Path, base: Path, target: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp-", dir=target.parent))
    try:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        with quiet():
            model = AutoModelForCausalLM.from_pretrained(str(base), use_safetensors=True, trust_remote_code=False)
            PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().save_pretrained(work)
            tokenizer = adapter if (adapter / "tokenizer_config.json").is_file() else base
            AutoTokenizer.from_pretrained(str(tokenizer), trust_remote_code=False).save_pretrained(work)
        work.rename(target)
    except ImportError as error:
        message = f"merging this adapter needs {error.name or 'peft'}; install reasondistill[train]"
        raise ModelError(f"{adapter}: {message}") from error
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        line = " ".join(str(error).split())[:300]
        raise ModelError(f"{adapter}: this adapter cannot be merged into {base} ({line})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
