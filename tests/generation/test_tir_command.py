"""`reasondistill generate` with each strategy, as a user runs it against a plain chat server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reasondistill.cli.main import main
from reasondistill.records import Rollout
from reasondistill.store import Table


def fenced(conversation):
    """Answer with a block, then with what its output said."""
    last = conversation[-1]["content"]
    if last.startswith("```output"):
        return {"content": f"The answer is \\boxed{{{last.splitlines()[1]}}}."}
    return {"content": f"I compute.\n```python\nprint({last.split()[2]} + 1)\n```\nThis prints the answer."}


def calling(conversation):
    """Answer with a tool call, then with what it returned."""
    last = conversation[-1]
    if last["role"] == "tool":
        asked = conversation[-2]["tool_calls"][0]
        assert last["tool_call_id"] == asked["id"] and asked["function"]["name"] == "python"
        return {"content": f"The answer is \\boxed{{{last['content']}}}."}
    arguments = json.dumps({"code": f"{last['content'].split()[2]} + 1"})
    call = {"id": "call_abc", "type": "function", "function": {"name": "python", "arguments": arguments}}
    return {"content": None, "tool_calls": [call]}


def program(conversation):
    return {"content": "```python\ndef double(x):\n    return 2 * x\n```"}


@pytest.fixture
def serve():
    """Return a function that starts a chat server with a way to answer; it gives the address and what was asked."""
    servers = []

    def start(answer):
        bodies = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                bodies.append(body)
                message = {"role": "assistant", **answer(body["messages"])}
                finish = "tool_calls" if message.get("tool_calls") else "stop"
                data = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Keep quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/v1", bodies

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def generate(tmp_path, capsys, rows, url, *more):
    problems = tmp_path / "problems.jsonl"
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["generate", "--problems", str(problems), "--engine", "openai", "--base-url", url, "--model", "m"]
    assert main([*command, "--out", str(tmp_path / "out"), "--json", *more]) == 0
    result = json.loads(capsys.readouterr().out)
    return result, [Rollout.from_row(row) for row in Table(tmp_path / "out" / "rollouts", key="id")]


SUMS = [{"id": f"s{i}", "question": f"What is {i} plus 1?", "answer": str(i + 1)} for i in range(5)]


@pytest.mark.parametrize(("answer", "calls"), [(fenced, "fenced"), (calling, None)])
def test_tir_runs_the_code_of_a_plain_chat_server(tmp_path, capsys, serve, answer, calls):
    url, bodies = serve(answer)
    result, rollouts = generate(tmp_path, capsys, SUMS, url, "--strategy", "tir", "--samples", "2")
    assert (result["rollouts"], result["accuracy"]["value"]) == (10, 1.0)
    used = result["tool_use"]
    assert (used["executed"]["value"], used["executed"]["n"], used["executions"]) == (1.0, 10, 10)
    assert (
        json.loads((tmp_path / "out" / "manifest.json").read_text())["strategy"]["strategy"]["earlier_thinking"]
        == "keep"
    )
    assert len(bodies) == 20 and all("tools" not in body and "stop" not in body for body in bodies)
    for rollout in rollouts:
        assert [m.role for m in rollout.completion] == ["assistant", "tool", "assistant"]
        assert rollout.completion[0].tool_calls[0].get("syntax") == calls
        assert rollout.completion[1].content in rollout.text
        assert (rollout.strategy, rollout.annotations["executions"], rollout.tools) == ("tir", 1, ())
    assert generate(tmp_path, capsys, SUMS, url, "--strategy", "tir", "--samples", "2")[0]["rollouts"] == 10
    assert len(bodies) == 20
    again = [*("generate", "--problems", str(tmp_path / "problems.jsonl"), "--model", "m", "--strategy", "tir")]
    replay = ["--samples", "2", "--engine", "replay", "--replay", str(tmp_path / "out"), "--out", str(tmp_path / "two")]
    assert main([*again, *replay]) == 0
    replayed = {row["id"]: row["messages"] for row in Table(tmp_path / "two" / "rollouts", key="id")}
    assert replayed == {r.id: [m.to_row() for m in r.messages] for r in rollouts}


def test_native_tools_are_offered_when_asked_for(tmp_path, capsys, serve):
    url, bodies = serve(calling)
    options = ("--strategy", "tir", "syntax=native", "executions=2", "--thinking", "low")
    _, rollouts = generate(tmp_path, capsys, SUMS[:1], url, *options)
    assert [tool["function"]["name"] for tool in bodies[0]["tools"]] == ["python"]
    assert (rollouts[0].thinking, rollouts[0].annotations["syntax"]) == ("low", "native")
    assert rollouts[0].tools[0] == bodies[0]["tools"][0]


def test_code_asks_for_a_program_and_its_tests_judge_it(tmp_path, capsys, serve):
    url, bodies = serve(program)
    tests = {"style": "call", "entry_point": "double", "cases": [{"args": [2], "expected": 4}]}
    rows = [{"id": "d", "kind": "code", "question": "Double a number.", "tests": tests}]
    result, [rollout] = generate(tmp_path, capsys, rows, url, "--strategy", "code")
    assert (result["accuracy"]["value"], rollout.strategy) == (1.0, "code")
    assert "Write the Python function `double`" in bodies[0]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--strategy", "tir", "exections=2"), "unknown option exections (did you mean executions?)"),
        (("--strategy", "tir", "executions"), "an option is written key=value"),
        (("--strategy", "tir", "executions=0"), "tir.executions must be at least 1"),
        (("--strategy", "tir", "syntax=xml"), "tir.syntax must be one of auto, native, fenced"),
        (
            ("--strategy", "tri"),
            "--strategy must be one of cot, code, tir or your own package.module:Name, got 'tri' (did you mean tir?)",
        ),
        (("--strategy", "os:path"), "--strategy 'os:path': has no dataclass `Options`"),
        (("--thinking", "hard"), "invalid choice: 'hard'"),
    ],
)
def test_a_mistaken_option_is_one_line(tmp_path, capsys, words, message):
    command = ["generate", "--problems", "x", "--model", "m", "--out", str(tmp_path / "out")]
    try:
        status = main([*command, *words])
    except SystemExit as stop:
        status = stop.code
    told = capsys.readouterr().err
    assert (status, told.count("\n")) == (2, 1) and message in told
