"""`reasondistill audit`: check a dataset again, row by row."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..records import Row
from .arguments import add_format, positive
from .option_arguments import add_options, read_record
from .output import print_result

if TYPE_CHECKING:
    from ..audit.run_audit import Audit

HELP = "check a dataset again: receipts, verdicts and code; status 1 if something disagrees"


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    from ..audit.receipts_audit import AuditOptions

    text = (
        "a dataset folder; or any other dataset: a file or folder of .parquet or .jsonl, or a hub id ORG/NAME[:CONFIG] "
        "(open-r1, OpenMathReasoning, NuminaMath, OpenThoughts, s1K, ShareGPT, messages, prompt/completion)"
    )
    parser.add_argument("dataset", metavar="DATASET", help=text)
    add_options(parser, AuditOptions, only=("share", "seed", "isolation"))
    parser.add_argument("--split", help="main or a control's name; default: all")
    parser.add_argument("--limit", type=positive, help="first rows only, of a dataset without receipts")
    text = "file or hub id; may be repeated"
    parser.add_argument("--against", action="append", default=[], metavar="BENCHMARK", help=text)
    add_format(parser)
    parser.add_argument("--foreign", action="store_true", help="audit as a dataset without receipts")
    parser.add_argument("--no-run", action="store_true", help="run no code")
    parser.add_argument("--diff", type=Path, metavar="EARLIER", help="compare two --out folders instead of auditing")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write rows.jsonl, audit.json and audit.html")


def run(args: Namespace) -> int:
    """Audit a dataset, or compare two audits; 1 when something disagrees or differs."""
    from ..audit.receipts_audit import AuditOptions
    from ..audit.run_audit import Audit, diff_folders

    if args.diff is not None:
        result = diff_folders(args.diff, Path(args.dataset))
        print_result(args, result, _diff_lines(result))
        return 1 if result["changed"] or result["only_before"] or result["only_after"] else 0
    audit = Audit(
        dataset=args.dataset,
        options=read_record(args, AuditOptions, run_code=not args.no_run),
        split=args.split,
        limit=args.limit,
        format=args.format,
        against=args.against,
        without_receipts=args.foreign,
    )
    summary = audit.run(args.out)
    print_result(args, summary, _lines(summary, audit, args.out))
    return 1 if audit.tally.disagreeing else 0


def _lines(summary: Row, audit: "Audit", out: Path | None) -> Iterator[str]:
    from ..audit.results import CHECKS
    from ..report.text import one_line

    yield f"{summary['rows']} rows, {summary['judged']} judged again by {summary['verifier']}"
    for name, count in summary["checks"].items():
        share = f"{100 * count['value']:.1f} % [{100 * count['low']:.1f}, {100 * count['high']:.1f}]"
        yield f"{'NO  ' if count['disagreement'] else 'note'} {name}: {count['rows']} rows, {share}; {CHECKS[name][1]}"
        for result, finding in audit.tally.examples[name][:3]:
            yield one_line(f"       {result.split} {result.number}, {result.key}: {finding.detail}")
    if out is not None:
        yield f"{out / 'audit.html'} shows examples"
    yield from audit.notes
    disagreeing = audit.tally.disagreeing
    yield f"{disagreeing} rows disagree" if disagreeing else "nothing disagrees"


def _diff_lines(result: Row) -> Iterator[str]:
    yield f"{result['rows']} rows in both, {result['changed']} judged otherwise"
    yield from (f"{change}: {n} rows" for change, n in result["outcomes"].items())
    for row in result["changes"][:20]:
        before, after = (" ".join([str(row[k]["outcome"]), *row[k]["findings"]]) for k in ("before", "after"))
        yield f"{row['split']} {row['row']} {row['key']}: {before} -> {after}"
