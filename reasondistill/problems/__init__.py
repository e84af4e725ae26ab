"""Where problems come from: local files, hub datasets, reasoning-gym and the built-in procedural family."""

from ..rows.problem_file import load_problems, write_problems
from .gym import load_gym
from .hub import load_hub
from .procedural import generate_procedural
from .sources import get_problems

__all__ = ["generate_procedural", "get_problems", "load_gym", "load_hub", "load_problems", "write_problems"]
