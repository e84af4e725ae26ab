"""The command line, with right and wrong words. A mistake is answered by one line that says what is wrong, where and
how to correct it, with exit status 2, and no file is lost. Most commands run in this process; the tests of streams,
exit codes and a first user's way start real ones."""

import contextlib
import fcntl
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from reasondistill.cli.main import main
from reasondistill.generation.prompts import load_template
from reasondistill.generation.sampling_queue import SamplingPlan
from reasondistill.generation.strategies import Cot
from reasondistill.records import Problem, Sampling

COMMANDS = (
    *("run", "curate", "export", "report", "problems", "generate", "verify", "train", "evaluate", "compare", "scale"),
    *("decontaminate", "audit", "stats", "models", "doctor"),
)
KEY, PASSWORD = "sk-0123456789-secret", "pass0123word"
RECIPE = """
name: desk
until: export
problems: {source: problems.jsonl}
teacher: {model: recorded, replay: teacher.jsonl}
generate: {template: math-zero-shot}
"""
REPLAY = ("--model", "recorded", "--replay", "teacher.jsonl", "--template", "math-zero-shot")


@pytest.fixture(scope="session")
def prepared(record: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a user has it: recipes, problems, recordings, and files that are broken in one way each."""
    desk = tmp_path_factory.mktemp("desk")
    problems = [Problem(id=f"p{n}", question=f"What is {n} plus 1?", answer=str(n + 1)) for n in range(6)]
    cot = Cot(template=load_template("math-zero-shot"))
    plan = SamplingPlan(problems=tuple(problems), strategy=cot, sampling=Sampling(), model="recorded")
    record(desk / "teacher.jsonl", plan, four_right, seeded=False)
    rows = [{"id": p.id, "question": p.question, "answer": p.answer} for p in problems]
    whole = [json.dumps(row) for row in rows]
    unmarked = json.dumps({"question": "What is 7 plus 1?"})
    files = {
        "desk.yaml": RECIPE,
        "misspelt.yaml": RECIPE.replace("problems:", "problms:"),
        "no-yaml.yaml": "name: [desk",
        "problems.jsonl": "\n".join(whole) + "\n",
        "broken.jsonl": "\n".join([*whole[:2], '{"question": "What', *whole[2:]]) + "\n",
        "no-gold.jsonl": "\n".join([whole[0], unmarked]) + "\n",
        "foreign/thesis.tex": "three years of work",
    }
    (desk / "folder.jsonl").mkdir()
    (desk / "foreign").mkdir()
    for name, text in files.items():
        (desk / name).write_text(text)
    return desk


def four_right(problem: Problem, _: int) -> str:
    """Return the answer to one of six problems, wrong to the last two."""
    number = int(problem.id.removeprefix("p"))
    return f"It is \\boxed{{{number + (number < 4)}}}."


@pytest.fixture
def desk(prepared: Path, tmp_path: Path) -> Path:
    """A copy of that folder for one test."""
    return Path(shutil.copytree(prepared, tmp_path / "desk"))


Done = subprocess.CompletedProcess[str]


def cli(desk: Path, *words: object, **environment: str) -> Done:
    """Run a command in the folder, within this process."""
    arguments = [str(word) for word in words]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(desk),
        mock.patch.dict(os.environ, environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            status = main(arguments)
        except SystemExit as stop:
            status = int(stop.code or 0)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def typed(desk: Path, *words: object, **environment: str) -> Done:
    """Run a command in the folder, in a process of its own."""
    command = [sys.executable, "-m", "reasondistill", *map(str, words)]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=desk, env=variables, capture_output=True, text=True, timeout=60, check=False)


def refused(done: Done) -> str:
    """Check that the command was refused as a mistake should be; return the one line."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert done.stderr.splitlines()[-1] == errors[0]
    return errors[0]


def worked(done: Done) -> str:
    """Check that the command worked; return its output."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(folder: Path) -> dict[Path, bytes]:
    """Return what the files hold; the lock only says who wrote last."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


GENERATE = ("generate", "--problems", "problems.jsonl", "--out", "out")
MISTAKES: list[tuple[tuple[str, ...], str]] = [
    # recipes
    (("run", "desc.yaml"), "desc.yaml: no such recipe file (did you mean desk.yaml?)"),
    (("run", "misspelt.yaml"), "misspelt.yaml: unknown key problms (did you mean problems?)"),
    (("run", "no-yaml.yaml"), "no-yaml.yaml: not YAML"),
    (("run", "desk.yaml", "generate.sampels=3"), "unknown key generate.sampels (did you mean generate.samples?)"),
    (("run", "desk.yaml", "generate.samples"), "an override is written key=value"),
    (("run", "desk.yaml", "generate.samples=-3"), "desk.yaml: generate.samples must be at least 1, got -3"),
    (("run", "desk.yaml", "generate.samples=many"), "generate.samples must be a whole number, got 'many'"),
    (("run", "desk.yaml", "problems.count=-1"), "problems.count must be at least 1, got -1"),
    (("run", "desk.yaml", "train.batch_size=0"), "train.batch_size must be at least 1, got 0"),
    (("run", "desk.yaml", "teacher.engine=vlm"), "got 'vlm' (did you mean vllm?)"),
    (("run", "desk.yaml", "until=exprt"), "got 'exprt' (did you mean export?)"),
    (("run", "desk.yaml", "until=report"), "student.model is missing; name a model"),
    (("run", "desk.yaml", "generate.template=math-zeroshot"), "did you mean math-zero-shot?"),
    (("run", "desk.yaml", "teacher.replay=nothing"), "nothing: no recorded rollouts"),
    (("run", "desk.yaml", "teacher={model: smolm2}", "teacher.replay=null"), "did you mean smollm2-135m-instruct?"),
    (("run", "desk.yaml", "--dryrun"), "unrecognized arguments: --dryrun; see `reasondistill --help`"),
    # run folders
    (("run", "desk.yaml", "out=foreign"), "foreign: is not empty and holds no run; choose another folder"),
    (("run", "desk.yaml", "out=desk.yaml"), "desk.yaml: cannot be written"),
    (("report", "foreign"), "foreign: holds no run (no recipe.yaml)"),
    (("curate", "runs/nowhere"), "runs/nowhere: no such"),
    # problems
    (("run", "desk.yaml", "problems.source=none.jsonl"), "none.jsonl: file not found"),
    (
        ("run", "desk.yaml", "problems.source=folder.jsonl"),
        "folder.jsonl: the folder holds no file that ends in",
    ),
    (("run", "desk.yaml", "problems.source=broken.jsonl"), "broken.jsonl:3: not valid JSON"),
    (("run", "desk.yaml", "problems.source=no-gold.jsonl"), "no-gold.jsonl:2: no answer"),
    (("problems", "procedral", "--out", "x.jsonl"), "'procedral' names no source of problems"),
    (("problems", "procedural", "--out", "foreign"), "foreign: is no regular file"),
    # the command line itself
    ((), "the following arguments are required: COMMAND; see `reasondistill --help`"),
    (("rnu",), "did you mean run?"),
    (("run",), "the following arguments are required: RECIPE.yaml; see `reasondistill run --help`"),
    # generate, evaluate, verify
    ((*GENERATE, *REPLAY, "--samples", "0"), "argument --samples: must be at least 1, got 0"),
    ((*GENERATE, *REPLAY, "--temperature", "-1"), "argument --temperature: must be at least 0, got -1"),
    ((*GENERATE, *REPLAY, "--engine", "vlm"), "did you mean vllm?"),
    ((*GENERATE, "--model", "recorded", "--engine", "replay"), "the replay engine needs a folder or file"),
    ((*GENERATE, "--model", "smolm2"), "unknown model 'smolm2': did you mean smollm2-135m-instruct?"),
    ((*GENERATE, "--model", "none.gguf"), "none.gguf: no such file"),
    (
        (*GENERATE, "--model", "m", "--base-url", "ftp://h"),
        "--base-url 'ftp://h': it must start with http:// or https://",
    ),
    ((*GENERATE, "--model", "m", "--base-url", "http://h:99999/v1"), "Port out of range"),
    ((*GENERATE, "--model", "m", "--base-url", "http://[::1/v1"), "Invalid IPv6 URL"),
    ((*GENERATE, "--model", "m", "--base-url", "http:///v1"), "it names no host"),
    ((*GENERATE[:-1], "foreign", *REPLAY), "foreign: is not empty and holds no run; choose another folder"),
    (("evaluate", "--benchmark", "no-gold.jsonl", "--out", "out", *REPLAY), "no-gold.jsonl:2: no answer"),
    (("verify", "none.jsonl", "--out", "out"), "none.jsonl: file not found"),
    (("verify", "teacher.jsonl", "--out", "out"), "teacher.jsonl:1: no reference"),
    (("verify", "problems.jsonl", "--out", "out"), "problems.jsonl:1: neither `completion` nor `messages`"),
    # train, models
    (("train", "--dataset", "foreign", "--student", "smolm2", "--out", "out"), "unknown model 'smolm2'"),
    (("train", "--dataset", "d", "--student", "m", "--out", "out", "epoch=2"), "unknown option epoch (did you mean"),
    (
        ("train", "--dataset", "d", "--student", "m", "--out", "out", "epochs=x"),
        "train.epochs must be a number, got 'x'",
    ),
    (("models", "path"), "models path: name a model"),
    (("models", "fetch", "smolm2-135m"), "did you mean smollm2-135m-instruct?"),
]


@pytest.mark.parametrize(("words", "line"), MISTAKES, ids=[" ".join(words) or "nothing" for words, _ in MISTAKES])
def test_a_mistake_is_answered_in_one_line(desk: Path, words: tuple[str, ...], line: str) -> None:
    before = contents(desk)
    assert line in refused(cli(desk, *words))
    after = contents(desk)
    assert {path: after.get(path) for path in before} == before


@pytest.mark.parametrize(("words", "line"), [MISTAKES[0], MISTAKES[16], MISTAKES[27]])
def test_a_process_answers_a_mistake_in_the_same_line(desk: Path, words: tuple[str, ...], line: str) -> None:
    assert line in refused(typed(desk, *words))


def test_a_run_folder_of_another_recipe_is_refused(desk: Path) -> None:
    worked(cli(desk, "run", "desk.yaml", "out=run"))
    before = contents(desk / "run")
    assert "run: holds the run 'desk', not 'other'" in refused(cli(desk, "run", "desk.yaml", "name=other", "out=run"))
    assert "run: holds the run 'desk'" in refused(cli(desk, *GENERATE[:-1], "run", *REPLAY))
    assert contents(desk / "run") == before


@pytest.mark.parametrize("words", [("--skip-bad",), ("problems.skip_bad=true",)])
def test_the_rest_of_a_broken_file_can_be_used(desk: Path, words: tuple[str, ...]) -> None:
    done = cli(desk, "run", "desk.yaml", "problems.source=broken.jsonl", "--json", *words)
    assert json.loads(worked(done))["counts"]["problems"] == 6
    assert "broken.jsonl: left out 1 unusable rows: 3 (not valid JSON" in done.stderr


def test_generate_can_skip_bad_rows_too(desk: Path) -> None:
    done = cli(desk, "generate", "--problems", "broken.jsonl", "--skip-bad", "--out", "out", *REPLAY)
    assert worked(done).startswith("6 of 6 rollouts in out/rollouts, 66.7 %")


def test_a_file_without_permission_is_named(desk: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    (desk / "problems.jsonl").chmod(0)
    assert "problems.jsonl: cannot be read: Permission denied" in refused(cli(desk, "run", "desk.yaml"))


def test_a_dead_server_is_named_without_its_password_and_the_folder_holds_no_secret(desk: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    address = f"http://me:{PASSWORD}@127.0.0.1:{port}/v1"
    words = (
        "run",
        "desk.yaml",
        "teacher.replay=null",
        "out=run",
        f"teacher.base_url={address}",
        "teacher.retry_seconds=0.1",
    )
    done = cli(desk, *words, OPENAI_API_KEY=KEY)
    assert f"127.0.0.1:{port}/v1" in refused(done)
    assert PASSWORD not in done.stderr
    assert (desk / "run/problems/train.jsonl").is_file()
    assert secrets_in(desk / "run") == []


def test_a_run_with_a_key_and_a_password_leaves_neither(desk: Path, chat_server: Callable[..., Any]) -> None:
    server = chat_server(lambda _: {"content": "\\boxed{1}"})
    address = server.url.replace("http://", f"http://me:{PASSWORD}@")
    words = ("run", "desk.yaml", "teacher.replay=null", "out=run", f"teacher.base_url={address}")
    worked(cli(desk, *words, OPENAI_API_KEY=KEY))
    assert "127.0.0.1" in (desk / "run/recipe.yaml").read_text()
    assert secrets_in(desk / "run") == []
    worked(cli(desk, *GENERATE, "--model", "m", "--base-url", address, OPENAI_API_KEY=KEY))
    assert secrets_in(desk / "out") == []


def secrets_in(folder: Path) -> list[Path]:
    return [path for path, data in contents(folder).items() if KEY.encode() in data or PASSWORD.encode() in data]


def test_a_folder_that_another_process_writes_is_left_alone(desk: Path) -> None:
    (desk / "run").mkdir()
    with (desk / "run/lock").open("w") as lock:
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = refused(cli(desk, "run", "desk.yaml", "out=run"))
    assert f"run: another process (pid {os.getpid()}) is writing this run" in line
    worked(cli(desk, "run", "desk.yaml", "out=run"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("room", [0, 1, 4, 8, 12])
def test_a_full_disk_is_told_and_the_same_command_goes_on(desk: Path, small_disk: Path, room: int) -> None:
    run = ("run", "desk.yaml", f"out={small_disk / 'run'}")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((64 - room) * 4096 - 4096))
    assert "no space left on " in refused(cli(desk, *run)).lower()
    ballast.unlink()
    report = json.loads(worked(cli(desk, *run, "--json")))
    assert report["counts"]["examples"] == 4
    ids = [json.loads(line)["id"] for line in (small_disk / "run/rollouts/00001.jsonl").read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 6


def test_a_full_standard_output_is_told(desk: Path) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("there is no /dev/full here")
    command = [sys.executable, "-m", "reasondistill", "models", "list"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: standard output: no space left; free some and run the same command again\n"


def test_a_reader_that_leaves_is_no_error(desk: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "reasondistill", "models", "list"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(desk: Path, command: str) -> None:
    said = worked(cli(desk, command, "--help"))
    assert said.startswith(f"usage: reasondistill {command}")
    assert "--json" in said


def test_the_overview_names_every_command_and_the_version(desk: Path) -> None:
    said = worked(typed(desk, "--help"))
    assert set(re.findall(r"^    (\w+)\b", said, re.MULTILINE)) == set(COMMANDS)
    assert worked(cli(desk, "--version")).strip()


def test_the_way_of_a_first_user(desk: Path) -> None:
    assert (
        worked(cli(desk, "problems", "procedural", "--count", 5, "--out", "own.jsonl")) == "5 problems in own.jsonl\n"
    )
    assert "0 of 6 rollouts stored, 6 to sample with recorded" in worked(cli(desk, "run", "desk.yaml", "--dry-run"))
    assert not (desk / "runs").exists()
    said = worked(typed(desk, "run", "desk.yaml"))
    assert "report: runs/desk/report.html" in said
    assert worked(cli(desk, "curate", "runs/desk")).splitlines() == [
        "dropped 2: outcome, incorrect",
        "4 of 6 rollouts of runs/desk become examples",
    ]
    assert "6 of 6 rollouts of runs/desk become examples" in worked(cli(desk, "export", "runs/desk", "curate.keep=all"))
    assert "report: runs/desk/report.html" in worked(cli(desk, "report", "runs/desk"))
    assert worked(typed(desk, *GENERATE, *REPLAY)).startswith("6 of 6 rollouts in out/rollouts, 66.7 %")
    assert worked(typed(desk, "verify", "out", "--out", "judged")).splitlines()[-1] == "verdicts in judged/verdicts"
    evaluated = typed(desk, "evaluate", "--benchmark", "problems.jsonl", "--out", "measured", *REPLAY)
    assert worked(evaluated).startswith("pass@1: 66.7 %")
    assert "smollm2-135m-instruct" in worked(typed(desk, "models", "list"))
    assert cli(desk, "doctor").returncode in (0, 1)


def test_a_run_folder_can_be_reported_from_anywhere(desk: Path, tmp_path: Path) -> None:
    worked(cli(desk, "run", "desk.yaml"))
    moved = tmp_path / "moved"
    shutil.move(desk / "runs/desk", moved)
    (moved / "report.html").unlink()
    worked(cli(tmp_path, "report", "moved"))
    assert (moved / "report.html").is_file()
    assert not (tmp_path / "runs").exists()


JSON_COMMANDS: list[tuple[tuple[str, ...], str]] = [
    (("run", "desk.yaml"), "counts"),
    (("run", "desk.yaml", "--dry-run"), "steps"),
    (("curate", "desk.yaml"), "counts"),
    (("export", "desk.yaml"), "counts"),
    (("report", "desk.yaml"), "counts"),
    (("problems", "procedural", "--count", "2", "--out", "own.jsonl"), "problems"),
    ((*GENERATE, *REPLAY), "rollouts"),
    (("verify", "teacher.jsonl", "--problems", "problems.jsonl", "--out", "out"), "outcomes"),
    (("evaluate", "--benchmark", "problems.jsonl", "--out", "out", *REPLAY), "metrics"),
    (("models", "list"), "models"),
    (("doctor",), "findings"),
]


@pytest.mark.parametrize(("words", "key"), JSON_COMMANDS, ids=[" ".join(words[:2]) for words, _ in JSON_COMMANDS])
def test_json_is_all_that_stands_on_standard_output(desk: Path, words: tuple[str, ...], key: str) -> None:
    if words[0] in ("curate", "export", "report"):
        worked(cli(desk, "run", "desk.yaml"))
    if words[0] == "verify":
        with_ids(desk)
    done = cli(desk, *words, "--json")
    assert done.returncode in ((0, 1) if words == ("doctor",) else (0,)), done.stderr
    assert key in json.loads(done.stdout)
    assert len(done.stdout.splitlines()) == 1


def with_ids(desk: Path) -> None:
    """Name the problem in each recorded rollout."""
    rows = [json.loads(line) for line in (desk / "teacher.jsonl").read_text().splitlines()]
    named = [json.dumps({**row, "problem_id": f"p{n}"}) for n, row in enumerate(rows)]
    (desk / "teacher.jsonl").write_text("\n".join(named) + "\n")
