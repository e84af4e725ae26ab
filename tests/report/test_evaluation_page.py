"""The page of an evaluation and of a comparison: what stands in it is what the folders hold."""

import json

import pytest

from reasondistill.cli.main import main
from reasondistill.errors import DataError
from reasondistill.report.evaluation_page import evaluation_page


@pytest.fixture
def evaluated(tmp_path, monkeypatch, capsys, hostile):
    """Two evaluations, a and b, of four problems with two rollouts each."""
    monkeypatch.chdir(tmp_path)
    for name, right in (("a", 1), ("b", 3)):
        rows = [
            {
                "problem_id": f"p{i}",
                "question": f"{hostile} {i}",
                "completion": f"{hostile} {text}",
                "answer": "2",
                "rm_score": 1,
            }
            for i in range(4)
            for text in (r"\boxed{2}" if i < right else r"\boxed{3}", r"\boxed{3}")
        ]
        rows.append({"problem_id": "bad", "completion": "2", "answer": r"\frac{1}{0}"})
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert main(["evaluate", "--rollouts", f"{name}.jsonl", "--out", name, "--k", "1,2"]) == 0
    capsys.readouterr()
    return tmp_path


def test_an_evaluations_page_shows_its_metrics_counts_and_rollouts(evaluated):
    page = evaluation_page(evaluated / "b")
    report = json.loads((evaluated / "b" / "report.json").read_text())
    assert [(bar.label, bar.estimate.to_row()) for bar in page.accuracies] == list(report["metrics"].items())
    assert [figure.label for figure in page.headline] == ["pass@1", "pass@2", "maj@2", "rm@2"]
    assert [(c.stage, c.kept, c.dropped, dict(c.reasons)) for c in page.waterfall] == [
        ("rollouts", 9, 0, {}),
        ("judged", 8, 1, {"error": 1}),
        ("correct", 3, 5, {"incorrect": 5}),
    ]
    assert len(page.rollouts) == 9 and {view.set for view in page.rollouts} == {"b"}
    assert "1 of 5 problems have fewer than 2 judged rollouts" in page.summary[1]
    assert "1 of 5 problems have a reference that no answer can equal" in page.summary[2]


def test_report_writes_the_page_of_an_evaluation(evaluated, capsys, hostile):
    assert main(["report", "b"]) == 0
    said = capsys.readouterr().out
    assert "pass@1" in said and said.rstrip().endswith("b/report.html")
    html = (evaluated / "b" / "report.html").read_text()
    assert "pass@2" in html and "<script>document.title" not in html
    assert main(["report", "b", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == 5


def test_a_comparisons_page_shows_systems_pairs_and_all_rollouts(evaluated, capsys):
    assert main(["compare", "a", "b", "--page", "both.html"]) == 0
    html = (evaluated / "both.html").read_text()
    assert "No difference of b from a can be concluded" in html
    assert html.count("sign-flip test") >= 1 and len(html) > (evaluated / "both.html").stat().st_size / 4


def test_a_folder_without_an_evaluation_is_told(tmp_path):
    with pytest.raises(DataError, match="holds no evaluation"):
        evaluation_page(tmp_path)
