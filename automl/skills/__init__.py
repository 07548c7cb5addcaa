"""Skill directories: what makes a model tunable, found by name or by folder, without importing the model.

A skill directory holds ``references/skill_info.yaml``, ``schemas/<action>.schema.json``,
``references/spec_template_<action>.yaml`` and, optionally, ``search_spaces/*.yaml``. Whatever a directory
does not say is None here; flags fill the gap.
"""

from automl.skills.card import DataSource, Hardware, Skill, SkillAction, SpecKeys
from automl.skills.commands import command_environment, fill_command
from automl.skills.finding import find_skill, load_skill

__all__ = [
    "DataSource",
    "Hardware",
    "Skill",
    "SkillAction",
    "SpecKeys",
    "command_environment",
    "fill_command",
    "find_skill",
    "load_skill",
]
