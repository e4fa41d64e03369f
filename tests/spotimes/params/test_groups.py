"""Each group's own limits, beside the committed params.yaml, which must be within them."""

import copy
from functools import reduce
from typing import Any

import pytest
from pydantic import BaseModel

from spotimes.errors import InputError
from spotimes.params.load import GROUPS, PARAMS_FILE, load_group, schema
from spotimes.params.network import Network
from spotimes.params.search import Choices
from spotimes.system.validation import load_yaml, validated
from tests.project import ROOT

COMMITTED = load_yaml(ROOT / PARAMS_FILE)
GONE = object()

Key = str | int


def changed(group: str, keys: tuple[Key, ...], value: object) -> Any:
    """The committed group with one value put in, or taken out."""
    params = copy.deepcopy(COMMITTED[group])
    inner = reduce(lambda mapping, key: mapping[key], keys[:-1], params)
    if value is GONE:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return params


def refusal(group: str, keys: tuple[Key, ...], value: object) -> str:
    with pytest.raises(InputError) as caught:
        validated(changed(group, keys, value), schema(group), group)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def models(value: object) -> list[BaseModel]:
    """A group and all groups within it."""
    if isinstance(value, BaseModel):
        return [value, *(each for _, inner in value for each in models(inner))]
    return [each for inner in value for each in models(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", GROUPS)
def test_the_committed_group_is_good_and_frozen(name: str) -> None:
    group = load_group(name, schema(name), ROOT / PARAMS_FILE)
    for model in models(group):
        for key, value in model:
            with pytest.raises(ValueError, match="frozen"):
                setattr(model, key, value)


@pytest.mark.parametrize("name", GROUPS)
def test_every_key_is_needed_and_no_other_is_known(name: str) -> None:
    for key in COMMITTED[name]:
        assert refusal(name, (key,), GONE) == f"{name}.{key}: missing"
    allowed = ", ".join(COMMITTED[name])
    assert refusal(name, ("new",), 1) == f"{name}.new: unknown key; allowed are {allowed}"


INT = "is not allowed: input should be a valid integer"
FLOAT = "input should be a valid number"
AT_LEAST = "is not allowed: input should be greater than or equal to"
MORE = "is not allowed: input should be greater than"
LESS = "is not allowed: input should be less than"
FINITE = "is not allowed: input should be a finite number"
NAN = float("nan")
INFINITY = float("inf")


@pytest.mark.parametrize(
    ("group", "keys", "value", "message"),
    [
        ("versions", ("numpy",), 2.2, "is not allowed: input should be a valid string"),
        ("prepare", ("source",), "", "is not allowed: string should have at least 1 character"),
        ("prepare", ("source",), ["a"], "is not allowed: input should be a valid string"),
        ("prepare", ("unlabelled",), "", "is not allowed: string should have at least 1 character"),
        ("prepare", ("image", "height"), 1, f"{AT_LEAST} 2"),
        ("prepare", ("image", "colour"), "gray", "'rgb' or 'grey'"),
        ("prepare", ("image", "resize"), "crop", "'squash', 'fit_shortest' or 'fit_longest'"),
        ("prepare", ("test_fraction",), 0.0, f"{MORE} 0"),
        ("prepare", ("validation_fraction",), 1.0, f"{LESS} 1"),
        ("prepare", ("validation_fraction",), 0.0, f"{MORE} 0"),
        ("prepare", ("validation_fraction",), NAN, FINITE),
        ("prepare", ("validation_fraction",), "0.1", FLOAT),
        ("prepare", ("images_per_class", "train"), 1, f"{AT_LEAST} 2"),
        ("prepare", ("images_per_class", "test"), 0, f"{AT_LEAST} 1"),
        ("prepare", ("images_per_class",), 9, "is not allowed: input should be a valid dictionary"),
        ("prepare", ("seed",), -1, f"{AT_LEAST} 0"),
        ("network", ("largest_side",), 0, f"{AT_LEAST} 1"),
        ("network", ("backbone", "keep"), -1, f"{AT_LEAST} 0"),
        ("network", ("backbone", "card"), "", "is not allowed"),
        ("network", ("backbone", "card"), None, "is not allowed: input should be a valid string"),
        ("network", ("backbone", "widths"), None, "is not allowed: input should be a valid list"),
        ("network", ("blocks",), None, "is not allowed: input should be a valid list"),
        ("network", ("blocks", 0), "conv", "is not allowed: input should be a valid dictionary"),
        ("network", ("blocks", 1, "stride"), 0, f"{AT_LEAST} 1"),
        ("network", ("blocks", 1, "stride"), 5, f"{LESS} or equal to 4"),
        ("network", ("blocks", 1, "stride"), 2.0, INT),
        ("network", ("blocks", 2, "channels"), 0, f"{AT_LEAST} 1"),
        ("network", ("blocks", 2, "channels"), True, INT),
        ("network", ("blocks", 2, "kind"), "dense", "'conv', 'separable' or 'inverted"),
        ("network", ("blocks", 2, "kind"), "Conv", "'conv', 'separable' or 'inverted"),
        ("network", ("blocks", 2, "expansion"), 6, "conv has no expansion; remove it"),
        ("network", ("blocks", 2, "hidden"), 6, "conv has no hidden; remove it"),
        ("network", ("blocks", 2, "stide"), 2, "unknown key"),
        ("network", ("blocks", 2, "channels"), GONE, "missing"),
        ("train", ("start_from",), None, "is not allowed: input should be a valid string"),
        ("train", ("epochs",), 0, f"{AT_LEAST} 1"),
        ("train", ("epochs",), -3, f"{AT_LEAST} 1"),
        ("train", ("epochs",), "50", INT),
        ("train", ("epochs",), 50.0, INT),
        ("train", ("batch_size",), 0, f"{AT_LEAST} 1"),
        ("train", ("seed",), 2**32, f"{LESS} 4294967296"),
        ("train", ("threads",), 0, f"{AT_LEAST} 1"),
        ("train", ("threads",), True, INT),
        ("train", ("optimizer",), None, "is not allowed: input should be a valid dictionary"),
        ("train", ("optimizer", "peak_learning_rate"), 0, f"{MORE} 0"),
        ("train", ("optimizer", "peak_learning_rate"), INFINITY, FINITE),
        ("train", ("optimizer", "peak_learning_rate"), "1e-3", FLOAT),  # YAML's idea of 1e-3
        ("train", ("optimizer", "warmup"), 1.0, f"{LESS} 1"),
        ("train", ("optimizer", "momentum"), 1, f"{LESS} 1"),
        ("train", ("optimizer", "momentum"), True, FLOAT),
        ("train", ("optimizer", "weight_decay"), -0.1, f"{AT_LEAST} 0"),
        ("train", ("optimizer", "weight_deacy"), 0.1, "unknown key"),
        ("train", ("optimizer", "muon", "peak_learning_rate"), 1, f"{LESS} 1"),
        (
            "train",
            ("optimizer", "kind"),
            "adam",
            "is not allowed: input should be 'sgd' or 'adamw'",
        ),
        ("train", ("fine_tuning", "head_epochs"), -1, f"{AT_LEAST} 0"),
        ("train", ("fine_tuning", "rate_decay"), 0, f"{MORE} 0"),
        ("train", ("fine_tuning", "rate_decay"), 1.1, f"{LESS} or equal to 1"),
        ("train", ("teacher", "model"), "", "at least 1 character"),
        ("train", ("teacher", "side"), 7, f"{AT_LEAST} 8"),
        ("train", ("teacher", "views"), 0, f"{AT_LEAST} 1"),
        ("train", ("teacher", "temperature"), 0, f"{MORE} 0"),
        ("train", ("optimizer", "muon", "momentum"), 1, f"{LESS} 1"),
        ("train", ("augmentation", "flip"), 1, "is not allowed: input should be a valid boolean"),
        ("train", ("augmentation", "flip"), "on", "is not allowed: input should be a valid bool"),
        ("train", ("augmentation", "shift"), -1, f"{AT_LEAST} 0"),
        ("train", ("augmentation", "shift"), 1, f"{LESS} 1"),
        ("train", ("augmentation", "cutout"), 1.0, f"{LESS} 1"),
        ("train", ("augmentation", "cutmix"), 1.1, "should be less than or equal to 1"),
        ("train", ("augmentation", "cutmix_until"), 1.1, "should be less than or equal to 1"),
        ("train", ("augmentation", "brightness"), -0.1, f"{AT_LEAST} 0"),
        (
            "train",
            ("augmentation", "contrast"),
            True,
            "input should be a valid number",
        ),
        ("train", ("class_balance",), "even", "'none', 'weights' or 'sampling'"),
        ("train", ("label_smoothing",), 1.0, f"{LESS} 1"),
        ("train", ("averaging",), 1.0, f"{LESS} 1"),
        ("train", ("averaging",), NAN, FINITE),
        ("train", ("keep",), "first", "is not allowed: input should be 'best' or 'last'"),
        ("train", ("patience",), 0, f"{AT_LEAST} 1"),
        ("quantize", ("calibration_images",), 0, f"{AT_LEAST} 1"),
        ("quantize", ("known_share",), 0, f"{MORE} 0"),
        ("quantize", ("known_share",), 1, f"{LESS} 1"),
        ("quantize", ("seed",), -1, f"{AT_LEAST} 0"),
        ("benchmark", ("threads",), 0, f"{AT_LEAST} 1"),
        ("benchmark", ("warmup_seconds",), -1, f"{AT_LEAST} 0"),
        ("benchmark", ("round_ms",), 0, f"{MORE} 0"),
        ("benchmark", ("min_rounds",), 1, f"{AT_LEAST} 2"),
        ("benchmark", ("interval_width",), 1.0, f"{LESS} 1"),
        ("benchmark", ("budget_seconds",), INFINITY, FINITE),
        ("benchmark", ("processes",), 0, f"{AT_LEAST} 1"),
        (
            "benchmark",
            ("extra_models",),
            "a.tflite",
            "is not allowed: input should be a valid list",
        ),
        ("benchmark", ("extra_models",), [""], "string should have at least 1 character"),
        ("evaluate", ("calibration_bins",), 0, f"{AT_LEAST} 1"),
        ("evaluate", ("budgets", "bytes"), 0, f"{MORE} 0"),
        ("evaluate", ("budgets", "median_ms"), "5", FLOAT),
        ("evaluate", ("budgets", "top1"), 88, f"{LESS} or equal to 1"),
        ("evaluate", ("budgets", "top1"), NAN, FINITE),
        ("evaluate", ("budgets", "arena_bytes"), GONE, "missing"),
        ("evaluate", ("budgets", "rom"), 1, "unknown key"),
        ("search", ("space",), [], "is not allowed: list should have at least 1 item"),
        ("search", ("space", 0, "kind"), [], "list should have at least 1 item"),
        ("search", ("space", 0, "channels"), 16, "is not allowed: input should be a valid list"),
        ("search", ("space", 0, "stride"), 5, f"{LESS} or equal to 4"),
        ("search", ("limits", "bytes"), 0, f"{MORE} 0"),
        ("search", ("limits", "latency_ratio"), "1", FLOAT),
        ("search", ("limits", "rom"), 1, "unknown key"),
        ("search", ("trials",), 0, f"{AT_LEAST} 1"),
        ("search", ("validation_fraction",), 1.0, f"{LESS} 1"),
    ],
)
def test_what_is_not_allowed_is_reported(
    group: str, keys: tuple[Key, ...], value: object, message: str
) -> None:
    said = refusal(group, keys, value)
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in keys)
    if value == [""]:
        key, value = f"{key}[0]", ""
    assert said.startswith(f"{group}{key}: ")
    assert message in said
    if "is not allowed" in message and value is not None and value != {}:
        assert f": {value!r} is not allowed: " in said


@pytest.mark.parametrize(("group", "name"), [("evaluate", "latency"), ("compare", "median_ms")])
def test_only_what_can_be_limited_may_be_optional(group: str, name: str) -> None:
    said = refusal(group, ("optional",), [name])
    assert said.startswith(f"{group}.optional[0]: '{name}' is not allowed: input should be 'bytes'")


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://searcher:secret@host/searches",
        "postgresql://searcher:@host/searches",
        "postgresql://host/searches?password=secret",
        "postgresql://searcher:se/cret@host/searches",
        "postgresql+psycopg2://searcher@host/secret",
        "sqlite:///secret.db",
        "postgresql://host",
        ["postgresql://searcher:secret@host/searches"],
        "",
        False,
    ],
)
def test_storage_is_a_database_without_a_password(value: object) -> None:
    assert refusal("search", ("storage",), value) == (
        "search: storage must be null, or postgresql://USER@HOST:PORT/DATABASE without a "
        "password, which is taken from PGPASSWORD or ~/.pgpass"
    )


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://searcher@host.example.org:5433/searches?sslmode=require",
        "postgresql://[::1]/searches",
        "postgresql:///searches?host=/run/postgresql",
    ],
)
def test_storage_is_a_url_of_postgresql(value: str) -> None:
    validated(changed("search", ("storage",), value), schema("search"), "search")


@pytest.mark.parametrize("value", ["all", [1], [5, 1], [1, 1], [0, "1"], [0, INFINITY], None, 4095])
def test_a_range_is_two_words_or_two_numbers(value: object) -> None:
    assert refusal("prepare", ("image", "range"), value).endswith(
        f"range: {value!r} is neither type nor data nor two numbers, the lower one first, such as "
        "[0, 4095]"
    )


@pytest.mark.parametrize("value", ["accept", 0, 1.5, -0.5, True, None, NAN])
def test_truncated_is_a_word_or_a_share(value: object) -> None:
    assert refusal("prepare", ("truncated",), value) == (
        f"prepare: truncated: {value!r} is neither refuse nor the share of rows that must be "
        "there, such as 0.9"
    )


@pytest.mark.parametrize("value", ["warm", 0, 0.19, 5.01, True, None, NAN, [1]])
def test_a_temperature_is_a_word_or_a_number(value: object) -> None:
    assert refusal("quantize", ("temperature",), value) == (
        f"quantize: temperature: {value!r} is neither fit nor a number from 0.2 to 5, such as 0.7"
    )


def test_patience_needs_the_best_weights_to_be_kept() -> None:
    params = changed("train", ("patience",), 3) | {"keep": "last"}
    with pytest.raises(InputError) as caught:
        validated(params, schema("train"), "train")
    assert "patience needs keep: best" in str(caught.value)
    assert "\n" not in str(caught.value)
    validated(params | {"keep": "best"}, schema("train"), "train")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "./models/model.keras",
            "models/model.keras is deleted before train runs",
        ),
        (
            "data/old.h5",
            "data/old.h5 is not an earlier model's .keras file; use data/none",
        ),
        ("", " is not an earlier model's .keras file"),
    ],
)
def test_a_training_starts_from_an_earlier_model(path: str, message: str) -> None:
    assert refusal("train", ("start_from",), path).startswith(f"train: start_from: {message}")
    validated(changed("train", ("start_from",), "data/start.keras"), schema("train"), "train")


@pytest.mark.parametrize(
    ("group", "keys", "value"),
    [
        ("prepare", ("images_per_class", "train"), 2),
        ("prepare", ("image", "range"), "data"),
        ("prepare", ("image", "range"), [-0.5, 4095]),
        ("prepare", ("truncated",), 1),
        ("quantize", ("temperature",), 1),
        ("quantize", ("temperature",), 0.2),
        ("quantize", ("known_share",), None),
        ("prepare", ("truncated",), 0.01),
        ("network", ("blocks", 0, "stride"), GONE),
        ("train", ("optimizer", "warmup"), 0),
        ("train", ("averaging",), 0),
        ("train", ("optimizer", "peak_learning_rate"), 1),
        ("benchmark", ("extra_models",), ["a.tflite"]),
        ("evaluate", ("budgets", "top1"), None),
        ("evaluate", ("optional",), ["arena_bytes", "median_ms"]),
        ("compare", ("optional",), ["latency"]),
    ],
)
def test_what_is_just_allowed_passes(group: str, keys: tuple[Key, ...], value: object) -> None:
    validated(changed(group, keys, value), schema(group), group)


def test_a_height_needs_a_width() -> None:
    assert "height and width are both null or both a number" in refusal(
        "prepare", ("image", "height"), 32
    )


def test_only_a_backbone_makes_blocks_of_ones_own_unneeded() -> None:
    assert refusal("network", ("blocks",), []).endswith(
        "blocks may be empty behind a backbone alone"
    )
    choice = {"card": "data/backbones/efficientnet_lite0.yaml", "keep": 3, "widths": []}
    assert Network.model_validate({"backbone": choice, "largest_side": 48, "blocks": []})


def test_no_block_of_a_backbone_is_without_channels() -> None:
    assert refusal("network", ("backbone", "widths"), [24, 0]) == (
        "network.backbone.widths[1]: 0 is not allowed: input should be greater than or equal to 1"
    )


def test_a_row_with_a_stride_is_always_there() -> None:
    said = refusal("search", ("space", 1, "repeats"), [0, 1])
    assert "with a stride above 1, repeats cannot be 0" in said


def test_some_row_of_the_space_is_always_there() -> None:
    row = {"kind": ["conv"], "channels": [8], "stride": 1, "kernel": [3], "repeats": [0, 1]}
    assert "let one have repeats above 0" in refusal("search", ("space",), [row, row])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"expansion": None}, "needs a list"), ({"kind": ["conv"]}, "has no expansion")],
)
def test_a_row_has_expansions_if_and_only_if_a_kind_has(
    change: dict[str, Any], message: str
) -> None:
    row = {
        "kind": ["inverted_residual"],
        "channels": [8],
        "stride": 1,
        "kernel": [3],
        "expansion": [6],
        "repeats": [1],
    }
    with pytest.raises(ValueError, match=message):
        Choices.model_validate(row | change)


def test_a_reason_that_does_not_exist_is_reported_with_those_that_do() -> None:
    assert refusal("prepare", ("leave_out",), ["unreadable", "blurred"]) == (
        "prepare.leave_out[1]: 'blurred' is not allowed: input should be 'unreadable', 'missing', "
        "'duplicates' or 'near_duplicates'"
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(dog", "(dog is no regular expression: missing ), unterminated subpattern at position 0"),
        (
            "dog",
            "dog has 0 parts in parentheses; just one is to name the group of a picture, and oth",
        ),
        (
            r"(dog)(\d+)",
            r"(dog)(\d+) has 2 parts in parentheses; just one is to name the group of a",
        ),
        ("", " has 0 parts in parentheses; just one is to name"),
    ],
)
def test_the_pattern_of_groups_has_one(pattern: str, message: str) -> None:
    assert message in refusal("prepare", ("group",), pattern)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("models//model.keras", "models/model.keras is deleted before train runs"),
        (
            "teacher.tflite",
            "teacher.tflite is neither a backbone's card, a .yaml file, nor a .keras",
        ),
    ],
)
def test_a_teacher_is_a_backbone_or_another_model(path: str, message: str) -> None:
    refused = refusal("train", ("teacher", "model"), path)
    assert refused.startswith(f"train.teacher: model: {message}")
    for allowed in ("data/teacher.keras", "data/backbones/efficientnet_lite0.yaml"):
        validated(changed("train", ("teacher", "model"), allowed), schema("train"), "train")


def test_muon_is_refused_beside_adamw() -> None:
    assert refusal("train", ("optimizer", "kind"), "adamw").startswith(
        "train.optimizer: muon works beside kind: sgd alone"
    )
