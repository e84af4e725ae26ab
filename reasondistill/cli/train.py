"""`reasondistill train`: fine-tune a student on a dataset folder."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ..errors import StoreError
from .arguments import add_out, add_overrides
from .output import print_result

HELP = "fine-tune a student on a dataset folder; the same command resumes"
OURS = ("training.json", "checkpoints", "lock")
"""Files of a training: a model is not saved among others."""


def add(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR", help="folder with data/train-*.parquet")
    parser.add_argument("--student", required=True, metavar="MODEL")
    add_overrides(parser, "training options, such as method=sft epochs=2 mode=lora")
    add_out(parser)


def run(args: Namespace) -> int:
    """Train in a child process and print what it did."""
    from ..models.resolve import resolve
    from ..recipe.read import read_words
    from ..run.child_process import run_job
    from ..store import RunFolder
    from ..training.methods import method_words
    from ..training.options import TrainCommandOptions
    from ..training.step import TrainStage

    options = read_words(TrainCommandOptions, method_words(args.overrides), "train", "epochs=2")
    resolve(args.student)
    if args.out.is_dir() and any(args.out.iterdir()) and not any((args.out / name).exists() for name in OURS):
        raise StoreError(f"{args.out}: is not empty and holds no training; choose another folder")
    stage = TrainStage(
        label=f"train {args.out.name}",
        student=args.student,
        dataset=args.dataset,
        out=args.out,
        options=options.shared,
        seed=options.seed,
        tokens=options.tokens,
    )
    with RunFolder(args.out) as folder:
        result = run_job(stage, lock_fd=folder.lock_fd)
        (args.out / "lock").unlink()  # a model's folder holds nothing else of ours when it is finished
    line = f"trained {args.out}: {result['steps']} steps, {result['trained_tokens']} trained tokens"
    print_result(args, result, [line])
    return 0
