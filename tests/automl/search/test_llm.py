"""A language model that proposes, repairs, fails and is replaced; always said, never silently."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from automl.errors import EnvironmentUnusableError
from automl.ports import Proposal
from automl.search.llm import ChatFailureError, LlmSearcher, LlmTask, Manner, OnFailure
from automl.search.llm_prompt import Message, make_messages
from automl.search.llm_reply import InvalidReplyError, read_reply
from automl.space import Condition, Parameter, ParameterKind, SearchSpace
from automl.types import Budget, Direction, Metric, Report, TrialId, TrialRecord, TrialState

AP = Metric("AP11", Direction.MAXIMIZE)
SPACE = SearchSpace(
    (
        Parameter("train.lr", ParameterKind.FLOAT, 1e-4, 1e-1, log=True, default=1e-3),
        Parameter("train.batch", ParameterKind.INT, 2, 8, step=2, default=4),
        Parameter("head", ParameterKind.CATEGORICAL, choices=("a", "b"), default="a"),
        Parameter("depth", ParameterKind.INT, 1, 3, default=1, condition=Condition({"head": ("b",)})),
    )
)
DEFAULT = {"train.lr": 1e-3, "train.batch": 4, "head": "a"}


def answer(reason: str = "why not", **params: Any) -> str:
    return json.dumps({"params": {k.replace("__", "."): v for k, v in params.items()}, "reason": reason})


@pytest.mark.parametrize(
    "text",
    [
        answer(train__lr=0.01),
        f"Sure! Here it is:\n```json\n{answer(train__lr=0.01)}\n```\nGood luck.",
        f"I think {answer(train__lr=0.01)} is best.",
    ],
)
def test_configuration_is_found_in_prose_and_the_rest_keeps_its_default(text: str) -> None:
    reply = read_reply(text, SPACE)
    assert (reply.params, reply.reason) == ({**DEFAULT, "train.lr": 0.01}, "why not")


def test_condition_decides_what_exists_and_numbers_take_their_type() -> None:
    reply = read_reply(answer(head="b", depth=2.0, train__batch=6), SPACE)
    assert reply.params == {"train.lr": 1e-3, "train.batch": 6, "head": "b", "depth": 2}
    assert isinstance(reply.params["depth"], int)
    assert "depth" not in read_reply(answer(head="a", depth=99), SPACE).params


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no idea", "the answer holds no JSON object: 'no idea'"),
        ("[1, 2]", "the answer holds no JSON object"),
        ('{"lr": 1}', 'the answer has no object "params"'),
        (answer(lr=1), "'lr' is no parameter"),
        (answer(train__lr=0.5), "train.lr = 0.5 is not a number from 0.0001 to 0.1"),
        (answer(train__lr="high"), 'train.lr = "high" is not a number'),
        (answer(train__lr=True), "train.lr = true is not a number"),
        ('{"params": {"train.lr": NaN}}', "train.lr = NaN is not a number"),
        (answer(train__batch=5), "train.batch = 5 is not a whole number from 2 to 8 in steps of 2"),
        (answer(train__batch=4.5), "train.batch = 4.5 is not a whole number"),
        (answer(head=["a"]), 'head = ["a"] is not one of ["a", "b"]'),
        (answer(train__lr=9, head="c", x=1), "'x' is no parameter; train.lr = 9 is not"),
    ],
)
def test_what_may_not_be_suggested_is_refused_with_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(InvalidReplyError) as caught:
        read_reply(text, SPACE)
    assert message in str(caught.value)


@dataclass
class Scripted:
    """Answers in turn; an exception is raised."""

    answers: list[str | Exception]
    name: str = "tuner-1"
    asked: list[list[Message]] = field(default_factory=list)

    def ask(self, trial: TrialId, messages: Sequence[Message]) -> str:
        self.asked.append(list(messages))
        given = self.answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


@dataclass
class Auto:
    """Proposes lr 0.02 and hears everything."""

    told: list[str] = field(default_factory=list)

    def suggest(self, trial: TrialId) -> Proposal | None:
        return Proposal({"train.lr": 0.02}, reason="default spec" if trial == "0" else "modelled")

    def adopt(self, record: TrialRecord) -> None:
        self.told.append(f"adopt {record.id}")

    def observe(self, trial: TrialId, report: Report) -> None:
        self.told.append(f"observe {trial}")

    def tell(self, record: TrialRecord) -> None:
        self.told.append(f"tell {record.id}")


def make(
    *answers: str | Exception, manner: Manner = Manner.LLM, on_failure: OnFailure = OnFailure.AUTO
) -> tuple[LlmSearcher, Scripted]:
    chat = Scripted(list(answers))
    return LlmSearcher(Auto(), chat, LlmTask(SPACE, AP, Budget(9, 5), manner, on_failure)), chat


def suggest(searcher: LlmSearcher, trial: str) -> Proposal:
    proposal = searcher.suggest(TrialId(trial))
    assert proposal is not None
    return proposal


def test_default_comes_first_and_the_model_then_with_its_reason_and_name() -> None:
    searcher, chat = make(answer("a larger rate", train__lr=0.01))
    assert suggest(searcher, "0").reason == "default spec"
    proposal = suggest(searcher, "1")
    assert (proposal.params["train.lr"], proposal.reason, proposal.source) == (
        0.01,
        "a larger rate",
        "tuner-1",
    )
    assert len(chat.asked) == 1


def test_invalid_answer_is_sent_back_with_what_was_wrong() -> None:
    searcher, chat = make(answer(train__lr=5), "hm", answer(train__lr=0.05))
    assert suggest(searcher, "1").params["train.lr"] == 0.05
    assert [len(messages) for messages in chat.asked] == [2, 4, 6]
    assert "train.lr = 5 is not a number from 0.0001 to 0.1" in chat.asked[1][-1]["content"]


def test_configuration_that_was_tried_is_sent_back() -> None:
    searcher, chat = make(answer(), answer(train__lr=0.05))
    searcher.adopt(TrialRecord(TrialId("0"), DEFAULT))
    assert suggest(searcher, "1").params["train.lr"] == 0.05
    assert "this configuration was tried as trial 0" in chat.asked[1][-1]["content"]


DEAD = ChatFailureError("the endpoint cannot be reached")


@pytest.mark.parametrize(
    ("answers", "why"),
    [([DEAD], "the endpoint cannot be reached"), (["x", "y", "z"], "the answer holds no JSON object: 'z'")],
)
def test_failure_is_said_in_the_log_and_with_the_trial_that_auto_proposes(
    answers: list[str | Exception], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    searcher, _ = make(*answers)
    proposal = suggest(searcher, "1")
    assert (proposal.params, proposal.source) == ({"train.lr": 0.02}, "")
    assert proposal.reason == f"modelled (auto in place of a model: tuner-1 failed: {why})"
    assert f"trial=1 tuner-1 has no proposal: {why}; auto proposes in its place" in caplog.text


def test_failure_stops_the_study_where_that_was_asked_for() -> None:
    searcher, _ = make(DEAD, on_failure=OnFailure.STOP)
    with pytest.raises(
        EnvironmentUnusableError, match=r"no proposal for trial 1: the endpoint.*\n.*--on-llm-failure auto"
    ):
        searcher.suggest(TrialId("1"))


def test_model_that_fails_twice_in_a_row_is_asked_no_more() -> None:
    searcher, chat = make(DEAD, answer(train__lr=0.05), DEAD, DEAD)
    for trial in "123456":
        last = suggest(searcher, trial)
    assert (len(chat.asked), last.reason) == (
        4,
        "modelled (auto in place of a model: tuner-1 was given up after 2 failures)",
    )


def test_hybrid_takes_turns() -> None:
    searcher, _ = make(answer(train__lr=0.05), answer(train__lr=0.06), manner=Manner.HYBRID)
    assert [suggest(searcher, trial).source for trial in "1234"] == ["tuner-1", "", "tuner-1", ""]


def test_retraced_study_asks_nobody() -> None:
    searcher = LlmSearcher(Auto(), None, LlmTask(SPACE, AP, Budget(9, 5), Manner.LLM, OnFailure.STOP))
    assert suggest(searcher, "1").params == {"train.lr": 0.02}


def test_searcher_behind_the_model_hears_everything() -> None:
    searcher, _ = make()
    record = TrialRecord(TrialId("0"), DEFAULT)
    searcher.adopt(record)
    searcher.observe(TrialId("0"), Report(1, 5, 1.0))
    searcher.tell(record)
    inner: Any = searcher._searcher
    assert inner.told == ["adopt 0", "observe 0", "tell 0"]


def own_trial(name: str, lr: float, value: float | None, reason: str, source: str = "tuner-1") -> TrialRecord:
    params = {**DEFAULT, "train.lr": lr}
    return TrialRecord(TrialId(name), params, TrialState.SUCCEEDED, value=value, reason=reason, source=source)


def test_model_is_told_the_space_and_what_came_of_every_trial() -> None:
    searcher, chat = make(answer(train__lr=0.05))
    searcher.adopt(TrialRecord(TrialId("0"), DEFAULT))
    searcher.observe(TrialId("0"), Report(1, 5, 41.0))
    searcher.tell(own_trial("1", 0.01, 55.0, "a larger rate"))
    suggest(searcher, "2")
    facts = json.loads(chat.asked[0][1]["content"])
    assert facts["parameters"][0] == {
        "name": "train.lr", "type": "float", "low": 1e-4, "high": 1e-1, "log": True, "default": 1e-3,
    }  # fmt: skip
    assert facts["parameters"][3]["only if"] == {"head": ["b"]}
    assert facts["results"][0] == {"trial": "0", "changed": {}, "state": "queued", "value": 41.0, "epochs": 1}
    assert facts["results"][1] | {"epochs": 0} == {
        "trial": "1", "changed": {"train.lr": 0.01}, "state": "succeeded", "value": 55.0, "epochs": 0,
        "reason": "a larger rate",
    }  # fmt: skip
    assert (facts["metric"], facts["direction"]) == ("AP11", "maximize")


def test_research_keeps_a_notebook_of_findings() -> None:
    reply = {"finding": "small rates lag", "reason": "try 0.05", "params": {"train.lr": 0.05}}
    searcher, chat = make(json.dumps(reply), manner=Manner.AUTORESEARCH)
    searcher.tell(own_trial("1", 0.01, 55.0, "rates matter | try 0.01"))
    searcher.tell(own_trial("2", 0.02, 50.0, "modelled", source=""))
    assert suggest(searcher, "3").reason == "small rates lag | try 0.05"
    facts = json.loads(chat.asked[0][1]["content"])
    assert facts["your findings so far"] == ["trial 1: rates matter | try 0.01 => succeeded, 55.0"]
    assert "hypothesis" in chat.asked[0][0]["content"]


def test_of_many_trials_the_default_the_best_and_the_newest_are_shown() -> None:
    records = [own_trial(str(k), 1e-3 + k * 1e-5, float(k % 100), "") for k in range(200)]
    facts = json.loads(make_messages(SPACE, AP, Budget(300, 5), records)[1]["content"])
    shown = [row["trial"] for row in facts["results"]]
    assert (len(shown), shown[0], shown[-1], "99" in shown) == (46, "0", "199", True)
