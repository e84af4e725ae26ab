"""Remote sandboxes, against servers on this machine that speak their APIs and run the code in our own sandbox."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox import Limits, Pool, Session, Status, run
from sandbox.command import main
from sandbox.remote import Remote


class Server:
    """A loopback server; `answer` turns a path and a request into a response."""

    def __init__(self, answer):
        self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                self.requests.append((handler.path, body))
                said = answer(handler.path, body)
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(data)))
                handler.end_headers()
                handler.wfile.write(data)

            def log_message(handler, *arguments):
                del arguments

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def serve():
    servers = []

    def start(answer):
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def local():
    with Pool(prewarm=()) as pool:
        yield pool


def fusion(pool):
    """SandboxFusion's /run_code and /run_jupyter."""

    def answer(path, body):
        if path == "/run_jupyter":
            with Session(pool=pool) as session:
                ran = [session.execute(cell) for cell in body["cells"]]
            cells = [
                {
                    "stdout": one.stdout,
                    "stderr": one.stderr,
                    "display": [{"text/plain": one.result}] if one.result else [],
                    "error": [] if one.ok else [{"ename": "E"}],
                }
                for one in ran
            ]
            return {"status": "Success", "message": "", "driver": {}, "cells": cells, "files": {}}
        assert path == "/run_code" and body["language"] == "python"
        ran = pool.run(body["code"], stdin=body["stdin"], limits=Limits(wall_seconds=body["run_timeout"]))
        late = ran.status is Status.TIMEOUT
        result = {
            "status": "TimeLimitExceeded" if late else "Finished",
            "execution_time": ran.wall_seconds,
            "return_code": ran.exit_code,
            "stdout": ran.stdout,
            "stderr": ran.stderr,
        }
        status = "Success" if ran.ok else "Failed"
        return {"status": status, "message": "", "compile_result": None, "run_result": result, "files": {}}

    return answer


def nemo(pool):
    """NeMo-Skills' /execute, with its sessions."""
    sessions = {}

    def answer(path, body):
        assert path == "/execute"
        if body["language"] == "ipython":
            session = sessions.setdefault(body["session_id"], Session(pool=pool))
            ran = session.execute(body["generated_code"])
            return {
                "process_status": "completed" if ran.ok else "error",
                "stdout": ran.stdout + (f"{ran.result}\n" if ran.result else ""),
                "stderr": ran.stderr,
            }
        ran = pool.run(body["generated_code"], stdin=body["std_input"], limits=Limits(wall_seconds=body["timeout"]))
        told = "timeout" if ran.status is Status.TIMEOUT else "completed"
        return {"process_status": told, "stdout": ran.stdout, "stderr": ran.stderr}

    return answer


ENDS = [
    ("print(input())", Status.OK),
    ("1 / 0", Status.EXCEPTION),
    ("import time; time.sleep(60)", Status.TIMEOUT),
]


@pytest.mark.parametrize(("code", "status"), [*ENDS, ("import sys; sys.exit(3)", Status.NONZERO_EXIT)])
def test_sandboxfusion_runs_programs(serve, local, code, status):
    server = serve(fusion(local))
    found = run(code, stdin="hi", limits=Limits(wall_seconds=1), isolation=server.address)
    assert (found.status, found.isolation) == (status, server.address)
    assert found.stdout == ("hi\n" if status is Status.OK else "")


@pytest.mark.parametrize(("code", "status"), ENDS)
def test_nemo_skills_runs_programs(serve, local, code, status):
    server = serve(nemo(local))
    found = run(code, stdin="hi", limits=Limits(wall_seconds=1), isolation=server.address + "/execute")
    assert found.status is status and found.stdout == ("hi\n" if status is Status.OK else "")


@pytest.mark.parametrize(("dialect", "path"), [(fusion, ""), (nemo, "/execute")])
def test_sessions_keep_their_state_and_branch_by_replay(serve, local, dialect, path):
    server = serve(dialect(local))
    with Session(isolation=server.address + path) as session:
        session.execute("x = [1]")
        assert session.execute("x.append(2)\n1 / 0").status is Status.EXCEPTION
        (branch,) = session.fork(1)
        branch.execute("x.append('b')")
        told = [one.execute("print(x)").stdout for one in (session, branch)]
    assert told == ["[1, 2]\n", "[1, 2, 'b']\n"]


@pytest.mark.parametrize("answer", [b"no json", b"[]", {"status": "SandboxError", "message": "full"}, {}])
@pytest.mark.parametrize("path", ["", "/execute"])
def test_a_server_that_fails_is_our_error(serve, answer, path):
    server = serve(lambda *_: answer)
    assert run("print(1)", isolation=server.address + path).status is Status.SANDBOX_ERROR


def test_a_server_that_is_not_there_is_our_error():
    found = Remote("http://user:secret@127.0.0.1:9").run("print(1)")
    assert found.status is Status.SANDBOX_ERROR and "secret" not in found.reason + found.isolation


def test_long_answers_are_cut(serve):
    result = {"status": "Finished", "return_code": 0, "stdout": "x" * 10_000, "stderr": ""}
    server = serve(lambda *_: {"status": "Success", "run_result": result})
    found = Remote(server.address).run("", limits=Limits(output_bytes=100))
    assert found.truncated and len(found.stdout) < 200


def test_an_address_without_a_host_is_refused():
    with pytest.raises(ValueError, match="http address"):
        Remote("ftp://x")


def test_the_command_line_takes_an_address(serve, local, tmp_path, capsys):
    file = tmp_path / "p.py"
    file.write_text("print(6 * 7)")
    assert main(["run", str(file), "--isolation", serve(fusion(local)).address]) == 0
    assert json.loads(capsys.readouterr().out)["stdout"] == "42\n"
