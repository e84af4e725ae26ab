"""Parses the owner's orders and checks every field. Anything unexpected raises BadMessage."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from .child import ROLES, Job, Kind
from .errors import BadMessage
from .limits import MAX_LIMIT, Limits

_MAX_TASKS = 8
_MAX_NAME = 64


def parse_jobs(head: dict[str, Any], descriptors: list[int], entries: Collection[str]) -> list[Job]:
    """Return the jobs of a launch; each takes its descriptors from the front of the rest."""
    tasks = head.get("tasks")
    if not isinstance(tasks, list) or not 1 <= len(tasks) <= _MAX_TASKS:
        raise BadMessage(f"a launch needs a list of 1 to {_MAX_TASKS} tasks")
    jobs, rest = [], list(descriptors)
    for task in tasks:
        if not isinstance(task, dict) or not isinstance(task.get("entry"), str) or task["entry"] not in entries:
            raise BadMessage("a task needs an entry that exists")
        roles = task.get("roles")
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise BadMessage("a task's roles are wrong")
        if len(set(roles)) < len(roles) or not set(roles) <= set(ROLES):
            raise BadMessage("a task's roles are wrong")
        if not {"stdin", "stdout", "stderr"} <= set(roles) or len(roles) > len(rest):
            raise BadMessage("a task's descriptors are missing")
        by_role, rest = dict(zip(roles, rest, strict=False)), rest[len(roles) :]
        kind = Kind(limits=parse_limits(task.get("limits")), session=task["entry"] == "session")
        jobs.append(Job(kind=kind, entry=task["entry"], descriptors=by_role, home=directory_name(task)))
    return jobs


def directory_name(head: dict[str, Any], key: str = "home") -> str:
    """Return the name of a branch's directory, which may be empty."""
    name = head.get(key, "")
    if not isinstance(name, str) or (name and not (name.isascii() and name.isalnum() and len(name) <= _MAX_NAME)):
        raise BadMessage(f"not a directory's name: {name!r}")
    return name


def parse_limits(row: object) -> Limits:
    """Return limits from their JSON."""
    known = {one.name for one in fields(Limits)}
    if not isinstance(row, dict) or not set(row) <= known:
        raise BadMessage("a task's limits are wrong")
    for name, value in row.items():
        seconds = name.endswith("_seconds")
        if value is None and name == "cpu_seconds":
            continue
        if type(value) not in ((int, float) if seconds else (int,)) or not 0 <= value <= MAX_LIMIT:
            raise BadMessage(f"a task's {name} is {value!r}")
    try:
        return Limits(**row)
    except ValueError as problem:
        raise BadMessage(str(problem)) from None
