"""Recipes: what they read, what they refuse in one line, and that no secret stands in what is written back."""

from pathlib import Path

import pytest

from reasondistill.errors import RecipeError
from reasondistill.recipe.read import load_recipe, read_words
from reasondistill.recipe.records import StudentOptions, dump_recipe
from reasondistill.records import Sampling
from reasondistill.store.options import Choice
from reasondistill.training.methods import method_words
from reasondistill.training.options import TrainCommandOptions

BASE = """
teacher: {model: t}
student: {model: s}
held_out: {seen: {source: procedural, split: seen, count: 3}}
"""
CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def load(tmp_path):
    """Return a loader of a recipe's text, with overrides."""

    def run(text=BASE, *overrides):
        path = tmp_path / "recipe.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_recipe(path, overrides)

    return run


def _refusal(load, *given):
    with pytest.raises(RecipeError) as caught:
        load(*given)
    line = str(caught.value)
    assert "\n" not in line
    return line


SHIPPED = [path for path in sorted(CONFIGS.glob("*.yaml")) if not path.name.startswith("scaling")]  # see tests/scaling


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_recipe_that_we_ship_loads(path):
    recipe = load_recipe(path)
    assert recipe.name.replace("_", "-") in path.stem.replace("_", "-")


def test_what_a_recipe_leaves_out_has_a_default(load):
    recipe = load()
    assert (recipe.name, recipe.folder, recipe.curate.keep) == ("run", Path("runs/run"), "correct")
    assert recipe.held_out["seen"].count == 3
    assert recipe.generate.sampling == Sampling()
    assert recipe.evaluate.sampling == Sampling(temperature=0.0, max_tokens=160)
    assert list(recipe.students) == ["student"]


def test_a_section_keeps_the_defaults_that_it_does_not_name(load):
    recipe = load(BASE + "evaluate: {sampling: {max_tokens: 99}}\ngenerate:\n")
    assert recipe.evaluate.sampling == Sampling(temperature=0.0, max_tokens=99)
    assert recipe.generate.samples == 1


def test_a_strategy_is_a_name_or_a_mapping_with_options(load):
    recipe = load(BASE + "generate: {strategy: {name: tir, executions: 4}}\n", "generate.strategy.restarts=2")
    assert recipe.generate.strategy == Choice(name="tir", options={"executions": 4, "restarts": 2})
    assert load(BASE, "evaluate.strategy=tir", "evaluate.strategy.executions=3").evaluate.strategy == Choice(
        name="tir", options={"executions": 3}
    )


def test_students_of_a_file_take_the_place_of_the_default(load):
    students = load(BASE + "students: {sft: {}, all: {data: all, match: sft}}\n", "students.all.seeds=2").students
    assert students == {"sft": StudentOptions(), "all": StudentOptions(data="all", match="sft", seeds=2)}


def test_an_override_merges_a_section_and_replaces_what_a_file_names_itself(load):
    text = (
        BASE + "students: {sft: {}, all: {data: all}}\ngenerate: {samples: 2, strategy: {name: tir, executions: 4}}\n"
    )
    recipe = load(
        text, "students={one: {}}", "held_out={unseen: {}}", "generate={template: x}", "generate.strategy=cot"
    )
    assert (list(recipe.students), list(recipe.held_out)) == (["one"], ["unseen"])
    assert (recipe.generate.samples, recipe.generate.template, recipe.generate.strategy.options) == (2, "x", {})
    students = load(text, "students.sft={seeds: 2}", "students.all.match=sft").students
    assert students == {"sft": StudentOptions(seeds=2), "all": StudentOptions(data="all", match="sft")}


def test_overrides_win_over_the_file(load):
    words = ["generate.samples=4", "held_out.seen.count=9", "teacher.model=u", "out=elsewhere", "held_out.more.count=1"]
    recipe = load(BASE + "generate: {samples: 2}\n", *words)
    assert (recipe.generate.samples, recipe.teacher.model, recipe.folder) == (4, "u", Path("elsewhere"))
    assert {name: source.count for name, source in recipe.held_out.items()} == {"seen": 9, "more": 1}


def test_a_list_can_be_overridden(load):
    stop = load(BASE, "generate.sampling.stop=['\\n\\n','###']").generate.sampling.stop
    assert stop == ("\\n\\n", "###")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trainn: {}", "unknown key trainn (did you mean train?)"),
        ("generate: {smples: 2}", "unknown key generate.smples (did you mean generate.samples?)"),
        (
            "generate: {sampling: {temprature: 1}}",
            "unknown key generate.sampling.temprature (did you mean generate.sampling.temperature?)",
        ),
        ("held_out: {seen: {cout: 2}}", "unknown key held_out.seen.cout (did you mean held_out.seen.count?)"),
        ("curate: {pass_rate: {lo: 0.1}}", "unknown key curate.pass_rate.lo (did you mean curate.pass_rate.low?)"),
        ("xyz: 1", "unknown key xyz (known here: name, seed, until,"),
        ("3: x", "unknown key 3 (known here: name,"),
    ],
)
def test_a_misspelt_key_is_named_with_the_nearest_one(load, text, message):
    assert message in _refusal(load, text)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("generate.smples=2", "generate.smples=2: unknown key generate.smples (did you mean generate.samples?)"),
        ("genrate.samples=2", "unknown key genrate (did you mean generate?)"),
        ("held_out.seen.cout=2", "unknown key held_out.seen.cout (did you mean held_out.seen.count?)"),
        ("held_out.seen={cout: 2}", "unknown key held_out.seen.cout (did you mean held_out.seen.count?)"),
        ("generate={smples: 2}", "unknown key generate.smples (did you mean generate.samples?)"),
        ("name.x=3", "name must be text, got {'name': 'run', 'x': 3}"),
        ("generate.samples", "an override is written key=value, for instance generate.samples=2"),
        ("=3", "an override is written key=value"),
        ("name=[", "name=[: the value is not YAML"),
        ("generate=4", "generate must be a mapping"),
        ("held_out=4", "held_out must be a mapping"),
        ("held_out.seen=4", "held_out.seen must be a mapping"),
        ("generate.samples=two", "generate.samples must be a whole number, got 'two'"),
    ],
)
def test_a_mistaken_override_is_named(load, word, message):
    assert message in _refusal(load, BASE, word)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "must be a mapping"),
        ("5", "must be a mapping"),
        ("- a", "must be a mapping"),
        ("generate: 4", "generate must be a mapping"),
        ("held_out: [a]", "held_out must be a mapping"),
        ("held_out: {seen: 4}", "held_out.seen must be a mapping"),
        ("a: [1,", "not YAML"),
        ("a:\tb\n\tc: d", "not YAML"),
        ("name: a\nname: b", "duplicate key name"),
        (b"\x00\x01", "not YAML"),
        (b"name: \xff\xfe", "not YAML"),
        ("seed: abc", "seed must be a whole number, got 'abc'"),
        ("name: null", "name must be text, got null"),
        ("", "teacher.model is missing; name a model, for instance teacher.model="),
        ("teacher: {model: t}", "student.model is missing"),
        ("teacher: {model: t}\nstudent: {model: s}", "held_out names no evaluation set"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(load, text, message):
    line = _refusal(load, text)
    assert message in line
    assert "recipe.yaml: " in line


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("problems.count=0", "problems.count must be at least 1, got 0"),
        ("held_out.seen.count=-1", "held_out.seen.count must be at least 1, got -1"),
        ("generate.samples=0", "generate.samples must be at least 1, got 0"),
        ("generate.sampling.max_tokens=0", "generate.sampling.max_tokens must be at least 1"),
        ("evaluate.sampling.max_tokens=0", "evaluate.sampling.max_tokens must be at least 1"),
        ("evaluate.teacher_count=0", "evaluate.teacher_count must be at least 1"),
        ("teacher.concurrency=0", "teacher.concurrency must be at least 1"),
        ("student.concurrency=-3", "student.concurrency must be at least 1"),
        ("train.seeds=0", "train.seeds must be at least 1"),
        ("students.student.seeds=0", "students.student.seeds must be at least 1"),
        ("curate.ngram=0", "curate.ngram must be at least 1"),
        ("curate.max_per_problem=0", "curate.max_per_problem must be at least 1"),
        ("curate.pass_rate.samples=0", "curate.pass_rate.samples must be at least 1"),
        ("curate.pass_rate.low=-0.1", "curate.pass_rate.low must be between 0 and 1"),
        ("curate.pass_rate.high=1.1", "curate.pass_rate.high must be between 0 and 1"),
        ("curate.coverage=1.5", "curate.coverage must be between 0 and 1, got 1.5"),
        ("generate.max_failed_share=-1", "generate.max_failed_share must be between 0 and 1"),
        ("verify.timeout=0", "verify.timeout must be above 0"),
        ("teacher.request_timeout=0", "teacher.request_timeout must be above 0"),
        ("student.request_timeout=-1", "student.request_timeout must be above 0"),
        ("generate.sampling.temperature=-1", "generate.sampling.temperature must be at least 0"),
        ("evaluate.sampling.temperature=.nan", "evaluate.sampling.temperature must be a finite number, got nan"),
        ("generate.sampling.top_p=1.1", "generate.sampling.top_p must be between 0 and 1"),
        ("evaluate.sampling.top_p=-1", "evaluate.sampling.top_p must be between 0 and 1"),
        ("curate.keep=corect", "curate.keep must be one of correct, wrong, all, got 'corect' (did you mean correct?)"),
        (
            "students.control.data=al",
            "students.control.data must be one of correct, all, wrong, random, got 'al' (did you mean all?)",
        ),
        ("export.thinking=box", "export.thinking must be one of as_written, before_box, got 'box'"),
        (
            "generate.strategy=xyz",
            "generate.strategy must be one of cot, code, tir or your own package.module:Name, got 'xyz'",
        ),
        ("teacher.engine=vlm", "teacher.engine must be one of"),
        ("student.engine=vlm", "(did you mean vllm?)"),
        ("teacher.dtype=float16", "teacher.dtype must be one of auto, float32, bfloat16, got 'float16'"),
        ("student.dtype=half", "student.dtype must be one of"),
        ("until=exprot", "until must be one of problems,"),
        ("train.mode=loar", "train.mode must be one of full, lora, got 'loar'"),
        ("train.learning_rate=-1", "train.learning_rate must be between 0 and 1, got -1"),
        ("train.batch_size=0", "train.batch_size must be at least 1"),
        ("held_out.a-b.count=1", "held_out.a-b: a set's name may hold letters, digits and underscores only"),
        ("held_out.train.count=1", "held_out.train: a set's name"),
        ("name=''", "name is empty"),
        ("generate.strategy={name: tir, executons: 2}", "unknown key generate.strategy.executons (did you mean"),
        ("generate.strategy={name: tir, executions: 0}", "generate.strategy.executions must be at least 1, got 0"),
        ("generate.strategy.executions=2", "unknown key generate.strategy.executions"),
        (
            "evaluate.decoding=bugdet",
            "evaluate.decoding must be one of plain, budget or your own package.module:Name, got 'bugdet'",
        ),
        ("generate.thinking=hi", "generate.thinking must be one of default, off, low, medium, high, got 'hi'"),
        ("generate.sampling.seed=4", "generate.sampling.seed is the recipe's seed; set `seed` instead"),
        ("generate.budget.max_cost=4", "generate.budget.max_cost needs prompt_price and completion_price"),
        ("teacher.base_url=host:80", "teacher.base_url 'host:80': it must start with http:// or https://"),
        ("teacher.base_url=[]", "teacher.base_url must be an address or a list of addresses, got ()"),
        ("export.formats=[dpu]", "(did you mean dpo?)"),
        ("students={a-b: {}}", "students.a-b: a student's name may hold letters, digits and underscores only"),
        ("students={before: {}}", "and teacher, before, reference name other models"),
        ("students={}", "students is empty"),
        ("students={a: {match: b}, b: {}}", "students.a.match must name a student before it, got 'b'"),
        ("students={a: {}, b: {start: c}}", "students.b.start must name a student before it, got 'c'; before it: a"),
        ("students={a: {train: {epoch: 2}}}", "unknown key students.a.train.epoch (did you mean"),
        ("students={a: {train: {epochs: 0}}}", "students.a.train.epochs must be above 0, got 0"),
    ],
)
def test_a_value_that_cannot_work_is_named(load, word, message):
    line = _refusal(load, BASE, word)
    assert message in line
    assert "recipe.yaml: " in line


def test_a_dataset_needs_neither_student_nor_held_out_problems(load):
    assert load("teacher: {model: t}\nuntil: export").until == "export"


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path):
    (tmp_path / "quickstart.yaml").write_text(BASE)
    with pytest.raises(RecipeError, match=r"no such recipe file \(did you mean .*quickstart\.yaml\?\)"):
        load_recipe(tmp_path / "quikstart.yaml")
    with pytest.raises(RecipeError, match=r"no such recipe file; its folder holds .*quickstart"):
        load_recipe(tmp_path / "x")
    with pytest.raises(RecipeError, match=r"no such recipe file$"):
        load_recipe(tmp_path / "none" / "x.yaml")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["generate.sampling.stop=[\"\\n\\n\",'$x','#: {}']", "seed=7", "evaluate.teacher_count=5"],
        ["name='yes'", "train.learning_rate=1e-5", "curate.pass_rate.enabled=true", "students={a: {}, b: {data: all}}"],
        ["held_out.unseen={source: procedural, split: unseen}", "until=export", "problems.source='a b: c.jsonl'"],
    ],
)
def test_a_written_recipe_reads_back_the_same(load, words):
    recipe = load(BASE, *words)
    assert load(dump_recipe(recipe)) == recipe


def test_a_written_recipe_holds_no_password(load):
    recipe = load(BASE, "teacher.base_url=https://me:hunter2@host/v1?key=hunter3")
    assert recipe.teacher.base_url == "https://me:hunter2@host/v1?key=hunter3"
    written = dump_recipe(recipe)
    assert "hunter" not in written
    assert "https://host/v1" in written


def _train_words(*words):
    return read_words(TrainCommandOptions, method_words(words), "train", "epochs=2")


def test_options_words_are_read_as_yaml():
    options = _train_words("epochs=2", "learning_rate=1e-4", "mode=lora", "tokens=null")
    assert options == TrainCommandOptions(epochs=2.0, learning_rate=1e-4, mode="lora")


def test_options_of_the_method_are_written_with_the_others():
    options = _train_words("loss_type=dft", "epochs=2")
    assert options.method == Choice(name="sft", options={"loss_type": "dft"})


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.method=stf", "train.method must be one of sft or your own package.module:Name, got 'stf'"),
        ("train.method.loss=dft", "unknown key train.method.loss (did you mean train.method.loss_type?)"),
        ("students.s.method.packing=2", "students.s.method.packing must be true or false"),
    ],
)
def test_a_mistaken_method_is_refused(load, override, message):
    text = f"{BASE}\nstudents: {{s: {{method: sft}}}}\n" if "students" in override else BASE
    with pytest.raises(RecipeError) as caught:
        load(text, override)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("epochs", "epochs: an option is written key=value"),
        ("epochs=[", "epochs=[: the value is not YAML"),
        ("epoch=2", "unknown option epoch (did you mean epochs?)"),
        ("epochs=two", "train.epochs must be a number, got 'two'"),
        ("mode=loar", "train.mode must be one of full, lora, got 'loar' (did you mean"),
        ("batch_size=0", "train.batch_size must be at least 1"),
    ],
)
def test_a_mistaken_options_word_is_refused(word, message):
    with pytest.raises(RecipeError) as caught:
        _train_words(word)
    assert message in str(caught.value)
