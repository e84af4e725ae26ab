"""Prompt templates: small YAML files that turn a problem into the messages that are sent.

Keys: see `PromptTemplate`. A template's hash covers what is sent and neither the file's layout nor its name.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from ..errors import RecipeError
from ..records import Message, Problem, content_id

FEW_SHOT = {"math-zero-shot": "math-few-shot"}
"""Built-in templates with worked examples, by the ones without."""
_KEYS = ("system", "examples", "user", "stop", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTemplate:
    """A prompt with fields for the question and for what a strategy fills in."""

    name: str
    user: str
    system: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    """Worked (question, answer) pairs, shown as earlier turns."""
    stop: tuple[str, ...] = ()
    source: str = ""

    @property
    def hash(self) -> str:
        """Content hash, part of every rollout's id."""
        return content_id("template", self.system, self.examples, self.user)

    def messages(self, problem: Problem) -> tuple[Message, ...]:
        """Return the conversation that asks the problem."""
        turns = [Message(role="system", content=self.system)] if self.system else []
        for question, answer in self.examples:
            turns.append(Message(role="user", content=self._ask(question)))
            turns.append(Message(role="assistant", content=answer))
        return (*turns, Message(role="user", content=self._ask(problem.question)))

    def filled(self, **places: str) -> "PromptTemplate":
        """Return the template with other fields than the question filled, such as `form` for `{form}`."""
        system, user = self.system, self.user
        for name, text in places.items():
            system = system and system.replace(f"{{{name}}}", text)
            user = user.replace(f"{{{name}}}", text)
        return replace(self, system=system, user=user)

    def _ask(self, question: str) -> str:
        return self.user.replace("{question}", question)


def load_template(reference: str, *, beside: Path | None = None) -> PromptTemplate:
    """Return a built-in template by name, or one from a YAML file (relative to `beside` if it is there).

    >>> load_template("math-zero-shot").messages(Problem(id="p", question="What is 1 + 1?"))[-1].role
    'user'
    """
    import yaml

    if reference in template_names():
        content, where = _built_in().joinpath(f"{reference}.yaml").read_bytes(), reference
    else:
        path = next((p for p in ((beside or Path()) / reference, Path(reference)) if p.is_file()), None)
        if path is None:
            close = difflib.get_close_matches(reference, template_names(), n=1)
            hint = f" (did you mean {close[0]}?)" if close else f"; built in: {', '.join(template_names())}"
            raise RecipeError(f"prompt template {reference!r}: neither a built-in name nor a file{hint}")
        content, where = path.read_bytes(), str(path)
    try:
        return _parse(yaml.safe_load(content), where)
    except yaml.YAMLError as error:
        raise RecipeError(f"prompt template {where}: not YAML ({' '.join(str(error).split())})") from None


def template_names() -> list[str]:
    """Return the names of the built-in templates."""
    return sorted(p.name.removesuffix(".yaml") for p in _built_in().iterdir() if p.name.endswith(".yaml"))


def _built_in() -> Any:
    return resources.files(__package__) / "templates"


def _parse(given: object, where: str) -> PromptTemplate:
    def refuse(fault: str) -> NoReturn:
        raise RecipeError(f"prompt template {where}: {fault}") from None

    if not isinstance(given, Mapping):
        refuse(f"a mapping with the keys {', '.join(_KEYS)} was expected")
    if unknown := [key for key in given if key not in _KEYS]:
        refuse(f"unknown key {unknown[0]!r} (known: {', '.join(_KEYS)})")
    user, system, stop = given.get("user", "{question}"), given.get("system"), given.get("stop") or []
    if not isinstance(user, str) or "{question}" not in user:
        refuse("`user` must hold {question}, the place of the question")
    try:
        pairs = given.get("examples") or []
        examples = tuple((str(e["question"]).strip(), str(e["answer"]).strip()) for e in pairs)
    except (KeyError, TypeError):
        refuse("each of `examples` needs `question` and `answer`")
    if not isinstance(system, str | None):
        refuse("`system` must be text")
    if not isinstance(stop, list) or not all(isinstance(word, str) and word for word in stop):
        refuse("`stop` must be a list of texts")
    return PromptTemplate(
        name=Path(where).stem,
        user=user.strip(),
        system=system.strip() if system else None,
        examples=examples,
        stop=tuple(stop),
        source=str(given.get("source", "")),
    )
