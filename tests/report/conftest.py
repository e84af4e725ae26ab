"""A small report with every part, and strings that try to break out of wherever they are put."""

import pytest

from reasondistill.curation.contamination import ContaminationReport
from reasondistill.records import Estimate
from reasondistill.report.data import (
    Bar,
    Change,
    Comparison,
    Count,
    Curve,
    CurvePoint,
    Figure,
    LossPoint,
    PageData,
    RolloutView,
    ScalingView,
    TransitionView,
)

HOSTILE = (
    "</script><script>document.title='owned'</script><!-- <img src=x onerror=\"document.title='owned'\"> &amp; "
    "\u2028\u2029 \ud800 \x00 \x1b[31mred\x1b]8;;http://evil.example\x07 \u202egnorw $x$ [bold]x[/bold] {{ 7*7 }} 你好"
)


@pytest.fixture
def hostile() -> str:
    return HOSTILE


@pytest.fixture
def page_data() -> PageData:
    """120 rollouts: 60 problems, each seen by `before` (all wrong) and by `after` (two of three right)."""
    return PageData(
        title="a small run",
        summary=["The student learnt."],
        headline=[Figure(label="after", value="66.7 %", note="n = 60")],
        accuracies=[
            Bar(label="before", group="seen", estimate=Estimate(value=0.0, low=0.0, high=0.06, n=60)),
            Bar(label="after", group="seen", estimate=Estimate(value=0.667, low=0.54, high=0.77, n=60)),
            Bar(label="after", group="unseen", estimate=Estimate(value=0.25, low=0.1, high=0.4, n=40)),
        ],
        scaling=ScalingView(
            curves=[
                Curve(name="sequential", points=_points(), slope=_share(0.1), pair_slope=_share(0.2)),
                Curve(name="oracle", points=_points()[:1], dotted=True),
            ],
            transitions=[
                TransitionView(
                    label="64 tokens, 0 to 1 waits",
                    counts={"right to wrong": 1, "wrong to right": 0},
                    changes={
                        "right to wrong": [Change(problem_id="p017", before="before017", after="after017")],
                        "wrong to right": [],
                    },
                )
            ],
        ),
        comparisons=[
            Comparison(
                label_a="before",
                label_b="after",
                difference=0.667,
                low=0.54,
                high=0.78,
                n=60,
                p_value=1e-9,
                words="Training raised accuracy by 66.7 points.",
            )
        ],
        waterfall=[
            Count(stage="rollouts", kept=600),
            Count(stage="correct", kept=381, dropped=219, reasons={"incorrect": 219}),
        ],
        contamination=ContaminationReport(
            questions=381,
            flagged=1,
            options={},
            benchmarks={
                "math500": {
                    "problems": 500,
                    "questions": 1,
                    "benchmark_problems": 2,
                    "reasons": {"ngram_coverage": 1},
                    "any_8_gram": {"questions": 7, "benchmark_problems": 5},
                    "any_13_gram": {"questions": 3, "benchmark_problems": 4},
                }
            },
            matches=[
                {
                    "benchmark": "math500",
                    "reason": "ngram_coverage",
                    "coverage": 0.75,
                    "id": "p001",
                    "question": "How far does the train go?",
                    "benchmark_id": "m1",
                    "benchmark_question": "How far does a train go?",
                }
            ]
            * 203,
        ),
        verifier=[("accepted of those labelled wrong", _share(0.01))],
        loss=[LossPoint(step=step, loss=2.0 / step) for step in range(1, 9)],
        seconds=[("generate", 402.0), ("train", 90.0)],
        tokens=[("generate", 130800, 34200)],
        rollouts=[_view(i, "before", False) for i in range(60)] + [_view(i, "after", i % 3 > 0) for i in range(60)],
        provenance={"seed": "0", "command": "reasondistill run configs/quickstart.yaml"},
    )


def _share(value: float) -> Estimate:
    return Estimate(value=value, low=value / 2, high=2 * value, n=60)


def _points() -> list[CurvePoint]:
    return [
        CurvePoint(
            label=f"sequential: {n} tokens",
            tokens=n,
            thinking=n - 5,
            estimate=_share(n / 300),
            control=1.0,
            optimal=n < 99,
        )
        for n in (16, 64, 128)
    ]


def _view(number: int, who: str, correct: bool) -> RolloutView:
    return RolloutView(
        id=f"{who}{number:03d}",
        problem_id=f"p{number:03d}",
        set=f"student {who} / seen",
        question=f"What is {number} + 1?",
        reasoning=f"trace of {who} {number}",
        content=f"\\boxed{{{number + 1}}}" if correct else "I do not know",
        expected=str(number + 1),
        extracted=str(number + 1) if correct else "",
        outcome="correct" if correct else "no_answer",
        method="exact",
        reason="equal numbers" if correct else "no boxed answer",
        finish_reason="stop",
        tokens=12,
        template="addition",
    )
