"""Audit a dataset without receipts: is the answer right, is the row whole, would a trainer learn the right tokens?

A row that the file itself calls wrong is not held against it. Where a row has no reference, its answer is not judged.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from verifiers import Outcome, Verdict
from verifiers.dispatch import Case, CaseOptions
from verifiers.many import verify_each
from verifiers.thinking import CLOSING, OPENING, split_thinking

from ..export.receipts import Block
from ..generation.syntax import SYNTAXES, Syntax, find_block, find_output
from ..records import Row, content_id
from ..rows.completion import CompletionRow
from .blocks import check_blocks
from .receipts_audit import AuditOptions
from .results import Contaminated, Finding, RowResult

_SPECIAL = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text|start_header_id|end|return)\|>|</s>")
_BOX = re.compile(r"\\boxed\s*\{([^{}]*)\}")
_OPENMATH = "openmath"
_DIALECTS: Mapping[str, Syntax] = {
    **SYNTAXES,
    # OpenMathReasoning writes bare code between tool_call tags and the output in a fence.
    _OPENMATH: Syntax(
        name=_OPENMATH,
        opening="<tool_call>\n",
        closing="\n</tool_call>\n",
        output_opening="```output\n",
        output_closing="\n```\n",
        openings=r"<tool_call>[ \t]*\n?",
        closings=r"\n?</tool_call>\n?",
        stops=("</tool_call>",),
        outputs=SYNTAXES["fenced"].outputs,
        output_ends=SYNTAXES["fenced"].output_ends,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The code of a completion that is followed by an output."""

    blocks: tuple[Block, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    """Where the outputs stand in the text."""
    invented: int = 0
    """Outputs behind no code."""


@dataclass(slots=True, kw_only=True)
class _Work:
    number: int
    row: CompletionRow
    findings: list[Finding] = field(default_factory=list)
    rerun: "Future[Finding | None] | None" = None


def audit_rows(
    rows: Iterator[CompletionRow], options: AuditOptions, contaminated: Contaminated | None = None
) -> Iterator[RowResult]:
    """Yield a result for every completion."""
    seen: dict[str, str] = {}
    with ThreadPoolExecutor(options.workers or os.cpu_count(), thread_name_prefix="audit") as threads:

        def started() -> Iterator[_Work]:
            for number, row in enumerate(rows):
                one = _Work(number=number, row=row, findings=list(text_findings(row)))
                _note_twin(one, seen)
                if contaminated is not None and (found := contaminated(row.question)) is not None:
                    one.findings.append(found)
                _start(one, options, threads)
                yield one

        yield from _finished(started(), options)


def text_findings(row: CompletionRow) -> Iterator[Finding]:
    """Yield what can be seen in the text alone."""
    text = row.trained
    if row.truncated:
        yield Finding(check="truncated", detail="by its finish reason")
    elif _is_cut(row.text):
        yield Finding(check="truncated", detail="thinking, a code block or a box is never closed", text=text[-200:])
    broken = broken_thinking(row.text)
    if broken:
        yield Finding(check="thinking", detail=broken)
    if (special := _SPECIAL.search(text)) is not None:
        yield Finding(check="special_token", detail=special[0])
    transcript = transcript_of(text)
    unmasked = [span for span in transcript.spans if not _is_masked(span, row.row)]
    if unmasked:
        tokens = sum(end - start for start, end in unmasked)
        yield Finding(check="mask", detail=f"{len(unmasked)} outputs, {tokens} of {len(text)} characters")
    if transcript.invented:
        yield Finding(check="invented_output", detail=f"{transcript.invented} outputs")
    answers = {re.sub(r"\s+", "", a) for a in _BOX.findall(split_thinking(row.text).answer)}
    if len(answers) > 1:
        yield Finding(check="answers", detail=", ".join(sorted(answers))[:200])


def broken_thinking(text: str) -> str:
    """Say what is wrong with the thinking tags of a completion; empty if nothing is.

    >>> broken_thinking("<think>a</think> b"), broken_thinking("a</think> b")
    ('', 'closes what it never opened')
    """
    ends = [m.end() for m in CLOSING.finditer(text)]
    opened, closed = [m.start() for m in OPENING.finditer(text)], [m.start() for m in CLOSING.finditer(text)]
    if not opened and not closed:
        return ""
    if not closed:
        return "never closed"
    if not opened:
        return "closes what it never opened"
    if len(opened) != len(closed):
        return f"opens {len(opened)} times and closes {len(closed)} times"
    if opened[0] > closed[0]:
        return "closes before it opens"
    if any(second < first_end for second, first_end in zip(opened[1:], closed, strict=False)):
        return "thinking inside thinking"
    return "nothing behind the thinking" if not text[ends[-1] :].strip() else ""


def transcript_of(text: str) -> Transcript:
    """Read a transcript in whichever dialect finds the most code with outputs."""
    best = Transcript()
    for syntax in _DIALECTS.values():
        if syntax.opening.strip()[:4] not in text and "```" not in text:
            continue
        found = _read(text, syntax)
        if len(found.blocks) > len(best.blocks) or (not best.blocks and found.invented > best.invented):
            best = found
    return best


def _read(text: str, syntax: Syntax) -> Transcript:
    blocks, spans, start = [], [], 0
    while (block := find_block(text, syntax, start)) is not None and block.closing:
        output = find_output(text, syntax, block.end) if block.code is not None else None
        start = block.end
        if output is not None:
            blocks.append(Block(code=block.code or "", output=output.text))
            spans.append((block.end, output.end))
            start = output.end
    headings = len(re.findall(r"^[ \t]*```output", text, re.MULTILINE)) if "```output" in syntax.output_opening else 0
    return Transcript(blocks=tuple(blocks), spans=tuple(spans), invented=max(0, headings - len(spans)))


def _is_masked(span: tuple[int, int], row: Row | None) -> bool:
    """Tell whether the row itself says that these characters are a tool's, in a column `tool_output_spans`."""
    given = (row or {}).get("tool_output_spans")
    if not isinstance(given, list | tuple):
        return False
    parts = [(p.get("start"), p.get("end")) for p in given if isinstance(p, Mapping)]
    known = [(a, b) for a, b in parts if isinstance(a, int) and isinstance(b, int)]
    return any(start <= span[0] and span[1] <= end for start, end in known)


def _is_cut(text: str) -> bool:
    fences = len(re.findall(r"^[ \t]*```", text, re.MULTILINE))
    last_box = text.rfind("\\boxed{")
    open_box = last_box >= 0 and text.count("{", last_box) > text.count("}", last_box) and len(text) - last_box < 200
    return fences % 2 == 1 or open_box or (bool(OPENING.search(text)) and not CLOSING.search(text))


def _note_twin(one: _Work, seen: dict[str, str]) -> None:
    mine = content_id(" ".join(one.row.question.split()), one.row.trained)
    if mine in seen:
        one.findings.append(Finding(check="duplicate", detail=f"of {seen[mine]}"))
    else:
        seen[mine] = one.row.key


def _start(one: _Work, options: AuditOptions, threads: ThreadPoolExecutor) -> None:
    if options.run_code:
        blocks = transcript_of(one.row.trained).blocks or _turn_blocks(one.row)
        if blocks:
            one.rerun = threads.submit(_rerun, blocks, options.isolation)


def _turn_blocks(row: CompletionRow) -> tuple[Block, ...]:
    """Return the code of assistant turns that a tool turn answers."""
    blocks = []
    for turn, answer in zip(row.turns, row.turns[1:], strict=False):
        if turn.role == "assistant" and answer.role == "tool":
            block = find_block(turn.content, SYNTAXES["fenced"], 0)
            if block is not None and block.code:
                blocks.append(Block(code=block.code, output=answer.content))
    return tuple(blocks)


def _rerun(blocks: Sequence[Block], isolation: str) -> Finding | None:
    """Run the blocks in one interpreter; if that disagrees, each in its own, as some makers did."""
    found = check_blocks(blocks, {}, isolation=isolation)
    if found is not None and found.check == "output" and len(blocks) > 1:
        apart = check_blocks(blocks, {"fresh": True}, isolation=isolation)
        return None if apart is None else found
    return found


def _case(row: CompletionRow, options: AuditOptions) -> Case | None:
    """Return what is judged of a row; None if it has no reference, and for a program that is not to be run."""
    problem = row.problem("", where="")
    if problem.answer is None and (problem.tests is None or not options.run_code):
        return None
    return Case(problem, row.answer, CaseOptions(isolation=options.isolation))


def _finished(work: Iterator[_Work], options: AuditOptions) -> Iterator[RowResult]:
    for one, fresh in verify_each(work, lambda one: _case(one.row, options), workers=options.workers):
        findings = [*one.findings, *(() if fresh is None else _verdict_findings(one.row, fresh))]
        if one.rerun is not None and (found := one.rerun.result()) is not None:
            findings.append(found)
        yield RowResult(
            split="rows",
            number=one.number,
            key=one.row.key,
            outcome=None if fresh is None else str(fresh.outcome),
            extracted=None if fresh is None else fresh.extracted,
            method="" if fresh is None else fresh.method,
            question=one.row.question[:500],
            findings=tuple(findings),
        )


def _verdict_findings(row: CompletionRow, fresh: Verdict) -> Iterator[Finding]:
    told = f"reference {row.reference!r}, answer {fresh.extracted!r}"
    if fresh.outcome in (Outcome.UNDECIDED, Outcome.ERROR):
        yield Finding(check="unchecked", detail=f"{told}: {fresh.reason}"[:300])
    elif row.label is not None and row.label is not bool(fresh.correct):
        yield Finding(check="label", detail=f"labelled {'right' if row.label else 'wrong'}; {told}")
    elif row.label is None and not fresh.correct:
        yield Finding(check="wrong", detail=f"{fresh.outcome}; {told}")
