"""The program of a completion: fences of every kind, no fence, a body alone, thinking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.code import grade_code
from verifiers.code.program_text import code_of_prompt, find_program

HEAD = 'import math\n\n\ndef area(r: float) -> float:\n    """Area of a circle.\n    >>> area(0)\n    0.0\n    """\n'
F = "def f(x):\n    return x"


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        (f"```python\n{F}\n```", F),
        (f"Sure!\n\n```py\n{F}\n```\nDone.", F),
        (f"```\n{F}\n```", F),
        (f"```\npython\n{F}\n```", F),
        (f"```\nPython3\n{F}", F),
        (f"```\npython = 3\n{F}\n```", f"python = 3\n{F}"),
        (f"~~~python\n{F}\n~~~", F),
        (f"````python\n{F}\n```\n````", f"{F}\n```"),
        (f"1. So:\n   ```python\n   {F.replace(chr(10), chr(10) + '   ')}\n   ```", F),
        (f"```python\ndef g(x): pass\n```\nBetter:\n```python\n{F}\n```", F),
        (f"```python\n{F}\n```\n```python\nprint(f(1))\n```", F),
        (f"```python\n{F}\n```\nIt prints\n```output\n1\n```", F),
        (f"```python\n{F}\n```\nIt prints\n```\n1\n```", F),
        (f"```python\n{F}\n```\nRun it:\n```bash\npython f.py\n```", F),
        (f"```python\n{F}\n```\nand then\n```python\ndef f(x):\n    retur", F),
        (f"```python\n{F}", F),
        (f"```python\n{F}```\nDone.", F),
        (f"\ufeff{F}", F),
        (F, F),
        (f"{F}\r\n", f"{F}\r"),
        (f"<think>```python\ndef f(x): return 0\n```</think>```python\n{F}\n```", F),
        (f"no end of ```python\ndef f(x): return 0\n``` it</think>\n{F}", F),
    ],
)
def test_the_program_is_found(completion: str, text: str) -> None:
    found = find_program(completion, entry_point="f")
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize("completion", ["", "  \n", "<think>```python\ndef f(x): return x\n```", "```python\n```"])
def test_no_text_is_no_program(completion: str) -> None:
    assert find_program(completion, entry_point="f") is None


@pytest.mark.parametrize(
    ("body", "first_source"),
    [
        ("    return math.pi * r * r\n", HEAD + "    return math.pi * r * r"),
        ("\n    return math.pi * r * r", HEAD + "    return math.pi * r * r"),
        ("return math.pi * r * r", HEAD + "    return math.pi * r * r"),
        ("```python\n    return 3 * r\n```", HEAD + "    return 3 * r"),
    ],
)
def test_a_body_alone_is_read_under_the_prompt_s_head(body: str, first_source: str) -> None:
    found = find_program(body, prompt=HEAD)
    assert found is not None
    assert found.entry_point == "area"
    assert found.program.readings[0].source == first_source


def test_a_whole_program_comes_after_the_prompt() -> None:
    found = find_program("def area(r):\n    return 3 * r", prompt=HEAD)
    assert found is not None
    assert (found.program.readings[0].source, found.program.readings[0].preamble) == (
        "def area(r):\n    return 3 * r",
        HEAD,
    )


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("Write a function to add two numbers.", ""),
        ("import the data and count\nthe rows", ""),
        ("", ""),
        (HEAD, HEAD),
        (
            "from typing import List\ndef f(x: List[int]) -> int:\n",
            "from typing import List\ndef f(x: List[int]) -> int:\n",
        ),
        ("\n\ndef f(x):\n    pass\n", "def f(x):\n    pass\n"),
        ("MOD = 7\ndef f(x):\n    pass\n", "MOD = 7\ndef f(x):\n    pass\n"),
        ("Complete this:\n```python\ndef f(x):\n```\n", "def f(x):"),
        ("Input\n```\n5 2\n```\n", ""),
    ],
)
def test_a_prompt_is_code_or_language(prompt: str, code: str) -> None:
    assert code_of_prompt(prompt) == code


def test_a_method_of_solution_is_named() -> None:
    found = find_program(
        "class Solution:\n    def _help(self): pass\n    def f2(self, a: int) -> int:\n        return a"
    )
    assert found is not None
    assert found.method == "f2"


@given(st.text(alphabet="`~ \n\tpydef(x):returncls<>/think", max_size=200), st.sampled_from(["", HEAD, "Say hello."]))
def test_any_text_is_read_without_an_error(completion: str, prompt: str) -> None:
    found = find_program(completion, prompt=prompt, entry_point="f")
    assert found is None or found.program.readings


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "```" + "a" * 1_000_000 + "`",
        "`" * 1_000_000,
        "```\n" * 250_000,
        "def " * 250_000,
        " " * 1_000_000,
        "from a" + ".a" * 400_000,
        "x = " * 250_000,
        "<think>" * 100_000,
        "class Solution" + "\n def f(" * 100_000,
    ],
)
def test_a_megabyte_is_read_in_linear_time(text: str) -> None:
    find_program(text, prompt=text[:10_000], entry_point="f")


def test_a_body_that_ends_with_an_attribute_of_its_function_is_a_body():
    # CodeGen on HumanEval/46: `f.cache = {}` sets an attribute and defines no f.
    body = "    f.cache[x] = x + 1\n    return f.cache[x]\n\nf.cache = {}\n"
    found = find_program(body, prompt="def f(x):\n", entry_point="f")
    assert found.program.readings[0].source.startswith("def f(x):\n    f.cache[x]")
    assert grade_code(body, ["assert f(1) == 2"], prompt="def f(x):\n").outcome == "correct"


DOCSTRING = """def f(n):
    {quote}Double.

{indent}```{tag}
    f(2)  # it's 4
{indent}```
    It's so.
    {quote}
    return n * 2"""


@pytest.mark.parametrize("quote", ['"""', "'''"])
@pytest.mark.parametrize(("tag", "indent"), [("", ""), ("", "    "), ("python", "    "), ("pycon", "    ")])
@pytest.mark.parametrize("after", ["", "\nThat is it.", "\n\n```\n4\n```\nas output."])
def test_a_fence_inside_a_docstring_ends_no_program(quote, tag, indent, after):
    code = DOCSTRING.format(quote=quote, tag=tag, indent=indent)
    assert find_program(f"Sure:\n```python\n{code}\n```{after}", entry_point="f").text == code


def test_a_docstring_that_nothing_ends_does_not_swallow_the_next_block():
    broken, whole = 'def f(n):\n    """Double.\n    return n * 2', 'def f(n):\n    """Double."""\n    return n * 2'
    assert find_program(f"```python\n{broken}\n```\nBetter:\n```python\n{whole}\n```").text == whole


@pytest.mark.parametrize(
    "text",
    [
        "{code}\n[DONE]",
        "[BEGIN]\n{code}\n[DONE]",
        "[BEGIN]\n{code}\n[DONE]\nWrite another.\n[BEGIN]\ndef f(n):\n    return 0\n[DONE]",
        "[PYTHON]\n{code}\n[/PYTHON]\n[TESTS]\nassert f(1) == 3\n[/TESTS]",
        "Here it is:\n[BEGIN]\n```python\n{code}\n```\n[DONE]",
    ],
)
def test_marks_around_a_program_are_no_code(text):
    assert find_program(text.format(code="def f(n):\n    return n * 2")).text == "def f(n):\n    return n * 2"


@pytest.mark.timeout(30)
def test_signs_of_a_docstring_are_found_in_linear_time():
    hostile = "```python\n" + '"""\n```\n' * 20_000 + "'" * 100_001 + '"\\' * 50_000
    assert find_program(hostile).where == "fenced"
