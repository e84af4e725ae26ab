"""The engine that `engine: auto` takes on this machine, and the reason. Nothing is opened or loaded here.

The order on a CPU follows benchmarks/engines.py; on CUDA vLLM is preferred without a measurement.
"""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

from ..errors import EngineError
from ..models.catalogue import CATALOGUE
from ..models.fetch import cached
from ..models.memory import free_memory, require_memory, weight_bytes
from .options import EngineOptions

_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}


def importable(module: str) -> bool:
    """Return whether a module can be found, without importing it.

    >>> importable("json"), importable("no_such_module")
    (True, False)
    """
    return importlib.util.find_spec(module) is not None


def cuda() -> bool:
    """Return whether torch is installed and sees a CUDA device."""
    if not importable("torch"):
        return False
    limit_openmp_spinning()
    import torch

    return bool(torch.cuda.is_available())


def fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether this CPU multiplies bfloat16 in hardware: 1.5 times float32's speed or more."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(_BFLOAT16_FLAGS & set(line.split()) for line in lines if line.startswith("flags"))


def limit_openmp_spinning() -> None:
    """Make OpenMP's waiting threads sleep early. Has an effect only before torch or llama.cpp is imported.

    By default they spin for milliseconds: when another process needs a core, two threads take 6 times as long as one.
    A spin of some microseconds keeps the speed of an idle machine (a training step 2.6 s; without any spin 3.0 s).
    """
    for name, value in {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "0"}.items():
        os.environ.setdefault(name, value)


def choose_dtype(options: EngineOptions) -> str:
    """Return float32 or bfloat16: the requested one, else the faster one on this machine."""
    if options.dtype != "auto":
        return options.dtype
    return "bfloat16" if cuda() or fast_bfloat16() else "float32"


def require_weights_memory(directory: Path, options: EngineOptions) -> None:
    """Raise ModelError for a model whose weights do not fit into the free memory, of the GPU if there is one."""
    dtype, free = choose_dtype(options), free_memory()
    if cuda():
        import torch

        free = torch.cuda.mem_get_info()[0]
    size = weight_bytes(directory, 4 if dtype == "float32" else 2)
    smaller = "--dtype bfloat16, " if dtype == "float32" else ""
    way_out = f"use a smaller model, {smaller}a GGUF file with --engine llamacpp, or a server with --base-url"
    require_memory(options.model, size, free=free, way_out=way_out)


def choose(
    options: EngineOptions, *, has: Callable[[str], bool] = importable, has_cuda: Callable[[], bool] = cuda
) -> tuple[str, str]:
    """Return the engine's name and the reason in one sentence. EngineError if no engine can run a model here."""
    if options.engine != "auto":
        return options.engine, "it was requested"
    if options.base_url:
        return "openai", "the options name a server's address"
    if options.replay:
        return "replay", "the options name recorded rollouts"
    torch = has("torch") and has("transformers")
    if torch and has("vllm") and has_cuda():
        return "vllm", "there is a CUDA device and vLLM batches best on it"
    entry = CATALOGUE.get(options.model.lower())
    found = entry and cached(entry)  # the hub's copy of a catalogue model is no GGUF file
    is_gguf = found.source == "wheels" if found else entry is None and options.model.lower().endswith(".gguf")
    if options.concurrency == 1 and is_gguf and has("xllamacpp"):
        return "llamacpp", "one request at a time on a GGUF file is fastest in llama.cpp"
    if torch and has("vllm"):
        return "vllm", "there is no GPU, and vLLM is fastest for many requests at once on a CPU"
    if torch:
        return "transformers", "vLLM is not installed, and transformers runs a batch at a time"
    if has("xllamacpp"):
        return "llamacpp", "torch is not installed, and llama.cpp runs GGUF models without it"
    install = "pip install 'reasondistill[train]' (transformers) or 'reasondistill[llamacpp]'"
    raise EngineError(f"no engine can run a model here: {install}, or give a server's address with --base-url")
