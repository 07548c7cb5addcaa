"""AutoML or plain training: who decides, and what is told (contract section 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from automl.errors import AutomlError

__all__ = ["PolicyDecision", "decide_policy", "read_request"]


@dataclass(frozen=True)
class PolicyDecision:
    """How an action is routed.

    Attributes:
        automl: what the user's policy says.
        reason: why, for people.
        runnable: whether a study can start: policy on, train, model enabled, schema and template fine.
        notice: what the user has to be told when AutoML was wanted but plain training follows.
    """

    automl: bool
    reason: str
    runnable: bool
    notice: str = ""

    def to_json(self) -> dict[str, Any]:
        """The ``policy`` object of ``automl plan --json``."""
        return {"automl": "on" if self.automl else "off", "reason": self.reason, "runnable": self.runnable}


_SUBJECT = r"(?:auto[\s-]?ml|hpo|hyper[\s-]?param(?:eter)?s?[\s-](?:search|tuning|optimi[sz]ation|sweep))"
_ARTICLE = r"(?:(?:the|any|all)\s+)?"
_OFF = re.compile(
    rf"""\b(?:(?:turn(?:ing)?|switch(?:ing)?)\s+off\s+{_ARTICLE}{_SUBJECT}
      | (?:turn|switch)(?:ing)?\s+{_ARTICLE}{_SUBJECT}\s+off
      | {_SUBJECT}\s*(?:=|:|\bis|\bset\s+to|\bturned|\bswitched)?\s*(?:off|disabled|false)\b
      | (?:disabl|skip|avoid|bypass|omit)(?:e|p?ing)?\s+{_ARTICLE}{_SUBJECT}
      | (?:no|without|w/o)\s+(?:need\s+for\s+)?{_ARTICLE}(?:{_SUBJECT}|tuning)
      | stop\s+(?:using\s+|running\s+)?{_ARTICLE}{_SUBJECT}
      | {_SUBJECT}\s+(?:is\s+)?not\s+(?:needed|required|wanted|necessary)
      | (?:do\s+not|don['’]?t|never)\s+(?:use|run|do|start|want|enable|need|apply)\s+{_ARTICLE}{_SUBJECT}
      | (?:plain|direct|single|ordinary|normal)\s+(?:model\s+)?train(?:ing)?(?:\s+run)?\b
      | (?:just|simply|only)\s+train\b
      | train\s+(?:it\s+)?(?:plainly|directly)
      )(?![\w'’])""",
    re.VERBOSE | re.IGNORECASE,
)
# Words right before a phrase that turn it round: "don't disable AutoML", "not plain training".
_NEGATION = re.compile(
    r"""\b(?:(?:do|does|did|should|must|would|could|can)(?:\s+not|n['’]?t)|can['’]?t|never|not|instead\s+of
      |rather\s+than|without|no\s+(?:need|reason)\s+to|avoid|unlike)
      (?:\s+(?:to|you|ever|please|want|need|a|an|the|just|simply|be|do|run|use|using|running|doing))*\s*$""",
    re.VERBOSE | re.IGNORECASE,
)
# Words that make a phrase a question, a condition, or a matter of another run: "compare with no HPO later".
_ELSEWHERE_BEFORE = re.compile(
    r"""\b(?:compar(?:e|ed|ing|ison)|versus|vs|against|relative\s+to|than|beats?|baseline|later|afterwards
      |last\s+time|yesterday|previous(?:ly)?|earlier|used\s+to|unless|if|whether|in\s+case
      |how\s+(?:do|can|to|would)|what\s+does|why)\b
      |^\s*(?:is|are|was|were|does|did|do\s+you|what|when|which)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_ELSEWHERE_BEHIND = re.compile(
    r"""^\W*(?:\w+\s+){0,3}?(?:later|afterwards?|next\s+(?:time|week|run)|last\s+(?:time|week|run|year)|yesterday
      |tomorrow|as\s+(?:a|the)\s+(?:baseline|comparison)|baseline|for\s+comparison|was|were|failed)\b
      |^\s*[=:]?\s*(?:false|no)\b
      |^\s*(?:early\s+stop|prun|logg?|warning|notification|dashboard|track|report)""",
    re.VERBOSE | re.IGNORECASE,
)
_CLAUSE_END = re.compile(
    r"[.;!?\n]|:\s(?!\s*(?:off|disabled|false))|,\s*(?:but|then|and\s+then)\b|\bbut\b|\band\s+then\b",
    re.IGNORECASE,
)


def read_request(text: str) -> str | None:
    """The words in a request that turn AutoML off for this run, or None when there are none.

    A phrase does not count when it is negated ("don't disable AutoML"), asked about, made conditional, or
    speaks of another run ("compare with no HPO later").
    """
    for clause in _CLAUSE_END.split(text):
        for match in _OFF.finditer(clause):
            before, behind = clause[: match.start()], clause[match.end() :]
            if (
                _NEGATION.search(before)
                or _ELSEWHERE_BEFORE.search(before)
                or _ELSEWHERE_BEHIND.search(behind)
            ):
                continue
            return " ".join(match.group().split())
    return None


def decide_policy(
    *,
    action: str,
    explicit: str | None,
    request: str | None,
    automl_enabled: bool,
    unreadable: Sequence[AutomlError] = (),
    model: str = "this model",
) -> PolicyDecision:
    """Route an action: the explicit flag wins, then the user's words, else AutoML is on.

    Args:
        action: only ``train`` is ever searched.
        explicit: ``on``, ``off`` or None.
        request: the user's words.
        automl_enabled: what the model's metadata says; never changed by a run.
        unreadable: what is wrong with the action's schema and template, one error a file.
        model: name for the notice.
    """
    phrase = read_request(request) if request else None
    if explicit:
        automl, reason = explicit == "on", f"--policy {explicit}"
    elif phrase:
        automl, reason = False, f'the request says "{phrase}"'
    else:
        automl, reason = True, "the default"
    if action != "train":
        return PolicyDecision(automl, f"{reason}; {action} is always a plain action", runnable=False)
    if not automl:
        return PolicyDecision(automl, reason, runnable=False)
    if not automl_enabled:
        notice = f"AutoML is not enabled for {model} (automl_enabled in its skill_info.yaml): plain training"
        return PolicyDecision(
            automl, f"{reason}; the model is not AutoML-enabled", runnable=False, notice=notice
        )
    if unreadable:
        return PolicyDecision(
            automl, f"{reason}; schema or template missing or broken", False, _notice(model, unreadable)
        )
    return PolicyDecision(automl, reason, runnable=True)


def _notice(model: str, unreadable: Sequence[AutomlError]) -> str:
    files = "; ".join(str(fault).partition("\n")[0] for error in unreadable for fault in error.faults[:1])
    return (
        f"AutoML is enabled for {model} but not runnable until the schemas are generated: {files}. "
        f"Generate them with `{model} schema` (or reinstall the model); this run is plain training."
    )
