"""The targets of fuzzing: functions that run one case, drawn from a generator, in a folder.

They return what the case ended in, or a count of each outcome where it is of several calls.
"""

from fuzz.calls import run_matrix_case
from fuzz.commands import run_command_case
from fuzz.saved import run_journal_case, run_model_case
from fuzz.sequences import run_sequences
from fuzz.tables import run_table_case

__all__ = ["TARGETS"]

TARGETS = {
    "matrices": run_matrix_case,
    "tables": run_table_case,
    "models": run_model_case,
    "journals": run_journal_case,
    "commands": run_command_case,
    "sequences": run_sequences,
}
