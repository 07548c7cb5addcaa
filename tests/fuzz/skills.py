"""Readers of what a model's authors and the user write: skill directory, specs, spaces, flags."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from automl.cli.options import build_request
from automl.planning.inputs import plan_space, read_files
from automl.request import RunRequest, parse_duration, parse_size
from automl.schema.documents import dump_yaml, parse_value
from automl.schema.loader import load_schema
from automl.schema.spec import Layer, layer_of_file, layer_of_overrides, resolve_spec
from automl.search.llm_reply import InvalidReplyError, read_reply
from automl.skills import load_skill
from automl.space import SearchSpace
from tests.fakes.skills import TOY_SEARCHED, schema_document, toy_info, toy_properties, write_skill
from tests.fuzz.damage import SCALARS, as_json, as_yaml, documents, text_files
from tests.fuzz.target import Inputs, Target

__all__ = ["SKILLS"]

SPACE = {
    "description": "a space",
    "extends": [],
    "drop": ["train.momentum"],
    "parameters": {
        "train.lr": {"low": 1e-5, "high": 1e-2, "log": True, "prior": {"center": 1e-3, "confidence": 0.7}},
        "model.kind": {"choices": ["small", "large"], "weights": [1, 2]},
        "model.queries": {"low": 100, "high": 800, "step": 50, "when": {"model.kind": ["small"]}},
        "train.batch": {"choices": [2, 4, 8], "comment": "fits"},
        "train.clip": {"tie": "train.lr * train.batch / 4"},
    },
}
RUN = {
    "trials": 4, "max-epochs": 6, "time-budget": "2h", "algorithm": "asha",
    "param": ["train.lr=1e-5:1e-2:log"], "objective": ["AP11:maximize"], "constraint": ["latency_ms<=50"],
    "set": ["train.lr=1e-3"], "data": "somewhere", "disk-quota": "20GB", "policy": "on", "seed": 1,
    "quiet": True,
}  # fmt: skip
SCHEMA = json.loads(json.dumps(schema_document(toy_properties(), TOY_SEARCHED)))
ANSWER = {
    "params": {"train.lr": 1e-3, "train.momentum": 0.9, "model.kind": "small"}, "reason": "why",
    "finding": "what",
}  # fmt: skip


def _plan(place: Path, *layers: Layer, **asked: Any) -> SearchSpace:
    """What planning reads of a skill directory: card, schema, template, spec and space."""
    skill = load_skill(None, place)
    action = skill.action("train")
    files = read_files(skill, action)
    spec = resolve_spec(files.template, files.schema, layers)
    dump_yaml(spec.values)
    return plan_space(RunRequest(**asked), skill, action, schema=files.schema, spec=spec.values)


def _read_schema(path: Path) -> None:
    load_schema(path)
    _plan(path.parents[1])


def _read_words(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    parse_value(text)
    dump_yaml(layer_of_overrides([text]).values)
    key, _, value = text.partition("=")
    parse_duration(value or key)
    parse_size(value or key, "--disk-quota")


def _read_flags(path: Path) -> None:
    """The same text as a value to set, a parameter to search and one to drop."""
    text = path.read_bytes().decode("utf-8", "replace")
    _plan(path.parent, layer_of_overrides([text]), params=(text,), drops=(text.partition("=")[0],))


def _read_answer(path: Path) -> None:
    try:
        read_reply(path.read_bytes().decode("utf-8", "replace"), _plan(path.parent))
    except InvalidReplyError:
        return


def _words(*sound: str) -> Inputs:
    words = SCALARS.map(lambda value: f"train.lr={value}".encode("utf-8", "replace"))
    return st.sampled_from(sound).flatmap(text_files) | words


SKILLS: Mapping[str, Target] = {
    "schema": Target(
        "schemas/train.schema.json", lambda: documents(SCHEMA, as_json), _read_schema, write_skill
    ),
    "template": Target(
        "references/spec_template_train.yaml",
        lambda: documents(SCHEMA["default"], as_yaml),
        lambda path: _plan(path.parents[1]),
        write_skill,
    ),
    "skill card": Target(
        "references/skill_info.yaml",
        lambda: documents(toy_info(), as_yaml),
        lambda path: _plan(path.parents[1]),
        write_skill,
    ),
    "spec": Target(
        "spec.yaml",
        lambda: documents(SCHEMA["default"], as_yaml),
        lambda path: _plan(path.parent, layer_of_file(path)),
        write_skill,
    ),
    "search space": Target(
        "space.yaml",
        lambda: documents(SPACE, as_yaml),
        lambda path: _plan(path.parent, space=str(path)),
        write_skill,
    ),
    "run file": Target(
        "run.yaml", lambda: documents(RUN, as_yaml), lambda path: build_request({"config": path})
    ),
    "words of a command": Target(
        "words",
        lambda: _words("train.lr=1e-3", "train.momentum=0.5", "1h30m", "20GB", "a.b[0].c=[1, 2]"),
        _read_words,
    ),
    "flags of a space": Target(
        "words",
        lambda: _words("train.lr=1e-5:1e-2:log", "model.kind=small,large", "train.batch=1:8:2"),
        _read_flags,
        write_skill,
    ),
    "answer of a language model": Target(
        "answer", lambda: documents(ANSWER, as_json), _read_answer, write_skill
    ),
}
