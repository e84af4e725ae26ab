"""What decontamination found, per benchmark: the matches side by side, and the rates that any-hit rules would give."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field

from ..records import SCHEMA, Row
from .lookup.normalise import text_key
from .steps.decontaminate import ANY_HIT, HeldOut, Lookup, Match

_SHOWN = 1200
"""Characters of a question in the Markdown report."""


@dataclass(slots=True)
class ContaminationReport:
    """Collects what each different question of a training set has in common with the benchmarks.

    >>> report = ContaminationReport(HeldOut({}))
    >>> report.add("p", "What is 1 + 1?").matches
    ()
    >>> report.to_row()["questions"]
    1
    """

    held_out: HeldOut
    found: list[tuple[str, str, Match]] = field(default_factory=list)
    """Id and text of the question, and the match; one for each benchmark that has it."""
    _questions: set[bytes] = field(default_factory=set)
    _flagged: int = 0
    _touching: Counter[tuple[int, str]] = field(default_factory=Counter)
    _touched: dict[int, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))

    def add(self, identifier: str, question: str) -> Lookup:
        """Look a question up; one that was there before counts once."""
        lookup, key = self.held_out.lookup(question), text_key(question)
        if key in self._questions:
            return lookup
        self._questions.add(key)
        self._flagged += bool(lookup.matches)
        self.found += [(identifier, question, match) for match in lookup.matches]
        for n, problems in lookup.any_hit.items():
            self._touching.update((n, benchmark) for benchmark in {benchmark for benchmark, _ in problems})
            self._touched[n].update(problems)
        return lookup

    def to_row(self) -> Row:
        """Return `{questions, flagged, options, benchmarks: {name: counts}, matches: [both texts]}`."""
        return {
            "schema": SCHEMA,
            "questions": len(self._questions),
            "flagged": self._flagged,
            "options": asdict(self.held_out.options),
            "benchmarks": {name: self._benchmark(name) for name in self.held_out.sizes},
            "matches": [
                {
                    "benchmark": m.benchmark,
                    "reason": m.reason,
                    "coverage": round(m.coverage, 4),
                    "id": identifier,
                    "question": question,
                    "benchmark_id": m.problem_id,
                    "benchmark_question": m.question,
                }
                for identifier, question, m in self.found
            ],
        }

    def _benchmark(self, name: str) -> Row:
        """Return one benchmark's counts: questions flagged, its problems repeated, and both by the any-hit rules."""
        own = [match for _, _, match in self.found if match.benchmark == name]
        any_hit = {
            f"any_{n}_gram": {
                "questions": self._touching[n, name],
                "benchmark_problems": sum(benchmark == name for benchmark, _ in self._touched[n]),
            }
            for n in ANY_HIT
        }
        return {
            "problems": self.held_out.sizes[name],
            "questions": len(own),
            "benchmark_problems": len({match.problem_id for match in own}),
            "reasons": dict(Counter(match.reason for match in own)),
            **any_hit,
        }


def render_contamination(row: Row) -> str:
    """Return a report's row as Markdown: a table of the benchmarks, then every match with both texts."""
    heads = [f"any shared {n}-gram would flag" for n in ANY_HIT]
    lines = [
        f"{row['flagged']} of {row['questions']} questions repeat a benchmark's problem.",
        "",
        f"| benchmark | problems | questions flagged | problems repeated | {' | '.join(heads)} |",
        "|---|---|---|---|" + "---|" * len(heads),
    ]
    for name, counts in row["benchmarks"].items():
        others = (f"{c['questions']} ({c['benchmark_problems']})" for c in (counts[f"any_{n}_gram"] for n in ANY_HIT))
        own = f"{counts['problems']} | {counts['questions']} | {counts['benchmark_problems']}"
        lines.append(f"| {name} | {own} | {' | '.join(others)} |")
    lines += ["", "In brackets: the benchmark's problems that the rule would call repeated."]
    for match in row["matches"]:
        lines += ["", f"## {match['benchmark']}: {match['reason']}, {match['coverage']:.2f}", ""]
        lines += [f"`{match['id']}`", "", *_quoted(match["question"]), ""]
        lines += [f"`{match['benchmark_id']}`", "", *_quoted(match["benchmark_question"])]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> list[str]:
    """Return the text as an indented block: whatever it holds stays text."""
    return [f"    {line}" for line in text[:_SHOWN].splitlines() or [""]]
