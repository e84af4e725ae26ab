"""Benchmarks as small YAML files: where the problems are, how they are asked, and how answers are judged.

A benchmark's problems are read from a local folder where its file lies there, else from the hub, else made (by
reasoning-gym). The folder is `--benchmarks-dir`, else the one that the environment variable REASONDISTILL_BENCHMARKS
names.
"""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path

from ...errors import RecipeError
from ...records import Kind, Problem, Row, content_id
from ...rows.problem_file import warn_on_stderr
from ...store.options import did_you_mean
from .. import load_gym, load_hub, load_problems

VARIABLE = "REASONDISTILL_BENCHMARKS"
SUFFIX = ".yaml"
_SPELLING = str.maketrans({"+": "plus", "-": "", "_": ""})
"""Differences in spelling a name: "MATH-500", "humaneval+", "mbpp_plus"."""
_BUILT_IN = resources.files(__package__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark, as its file states it."""

    name: str
    title: str
    kind: Kind
    file: str | None = None
    """Its problems, in a local folder of benchmarks."""
    hub: str | None = None
    """ORG/NAME[:CONFIG[:SPLIT]] on the hub."""
    gym: str | None = None
    """A data set of reasoning-gym."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """This package's keys by those of the hub's rows, where they are not understood anyway."""
    prompts: tuple[str, ...] = ()
    """Templates by name, the usual one first."""
    strict: bool = False
    """Only a marked answer counts."""
    policy: str = "default"
    """What counts as the same answer: a name of `verifiers.math.POLICIES`."""
    problems: int | None = None
    licence: str = ""
    version: str = ""

    @property
    def strategy(self) -> str:
        """The usual strategy for its kind of problems."""
        return "code" if self.kind is Kind.CODE else "cot"

    @property
    def hash(self) -> str:
        """Content hash of what decides its problems and their judging."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        return content_id("benchmark", {**row, "fields": dict(self.fields)})

    def prompt(self, name: str | None) -> str:
        """Return the name of the template to ask with: the one given, or the benchmark's usual one."""
        return name or self.prompts[0]

    def load(
        self,
        *,
        folder: Path | None = None,
        limit: int | None = None,
        seed: int = 0,
        skip_bad: bool = False,
        warn: Callable[[str], None] = warn_on_stderr,
    ) -> list[Problem]:
        """Return the problems, the first `limit` of them. Raises DataError or RecipeError if there are none."""
        if self.gym:
            return load_gym(self.gym, count=limit or self.problems or 100, seed=seed, split="test")
        local = self.local_file(folder)
        if local is not None:
            return load_problems(local, kind=self.kind, split="test", skip_bad=skip_bad, limit=limit, warn=warn)
        if self.hub is None:
            places = ", ".join(map(str, _folders(folder))) or "any folder (none is named)"
            raise RecipeError(
                f"benchmark {self.name}: {self.file} is not in {places}, and it is not on the hub; "
                f"name its folder with --benchmarks-dir or {VARIABLE}, or give --benchmark FILE.jsonl"
            )
        name, _, rest = self.hub.partition(":")
        config, _, split = rest.partition(":")
        return load_hub(
            name,
            config=config or None,
            split=split or "test",
            kind=self.kind,
            as_split="test",
            skip_bad=skip_bad,
            limit=limit,
            fields=self.fields,
        )

    def local_file(self, folder: Path | None = None) -> Path | None:
        """Return the benchmark's local file, or None."""
        found = (place / self.file for place in _folders(folder) if self.file)
        return next((path for path in found if path.is_file()), None)

    def to_row(self) -> Row:
        """Return what a report says of it."""
        return {name: getattr(self, name) for name in ("name", "title", "hash", "licence", "version")}


def benchmark_names() -> list[str]:
    """Return the names of the benchmarks that are built in.

    >>> "gsm8k" in benchmark_names()
    True
    """
    return sorted(p.name.removesuffix(SUFFIX) for p in _BUILT_IN.iterdir() if p.name.endswith(SUFFIX))


def find_benchmark(reference: str) -> Benchmark | None:
    """Return a benchmark by name, `reasoning-gym:DATASET` or a .yaml file; None for another source of problems.

    Raises RecipeError for a bare word that is no name of one.
    """
    import yaml

    name, _, dataset = reference.partition(":")
    spelt = name.lower().translate(_SPELLING)
    name = next((known for known in benchmark_names() if known.translate(_SPELLING) == spelt), name)
    if reference.endswith((".yaml", ".yml")):
        path = Path(reference)
        if not path.is_file():
            raise RecipeError(f"benchmark {reference}: no such file")
        text, name = path.read_text(encoding="utf-8"), path.stem
    elif name in benchmark_names() and (not dataset or name == "reasoning-gym"):
        text = (_BUILT_IN / f"{name}{SUFFIX}").read_text(encoding="utf-8")
    elif not any(mark in reference for mark in "/:.") and reference != "procedural" and not Path(reference).exists():
        # A bare word can only be meant as a benchmark's name.
        close = difflib.get_close_matches(reference, benchmark_names(), n=1)
        meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(benchmark_names())}"
        raise RecipeError(f"benchmark {reference!r}: neither a known name nor a file; {meant}")
    else:
        return None
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"benchmark {reference}: not YAML ({' '.join(str(error).split())})") from None
    if isinstance(given, dict) and dataset:
        given, name = {**given, "gym": dataset}, f"{name}:{dataset}"
    return _parse(given, name, where=reference)


def _parse(given: object, name: str, *, where: str) -> Benchmark:
    if not isinstance(given, dict):
        raise RecipeError(f"benchmark {where}: a mapping was expected")
    known = {f.name for f in fields(Benchmark)} - {"name"}
    for key in given:
        if key not in known:
            raise RecipeError(f"benchmark {where}: unknown key {key!r}{did_you_mean(str(key), [*known])}")
    if given.get("kind") not in list(Kind):
        raise RecipeError(f"benchmark {where}: kind must be math or code, got {given.get('kind')!r}")
    if not any(given.get(key) for key in ("file", "hub", "gym")):
        raise RecipeError(f"benchmark {where}: needs `file`, `hub` or `gym`, where its problems come from")
    prompts = given.get("prompts") or []
    if not isinstance(prompts, list) or not prompts:
        raise RecipeError(f"benchmark {where}: `prompts` must name at least one prompt template")
    return Benchmark(**{**given, "name": name, "kind": Kind(given["kind"]), "prompts": tuple(map(str, prompts))})


def _folders(folder: Path | None) -> list[Path]:
    """Return where local files are looked for; a folder that was named is the only one."""
    named = folder or os.environ.get(VARIABLE)
    return [Path(named)] if named else []
