"""Cases of reading data, which the page ``docs/reading_cases.md`` shows and tests run."""

from reading_cases.ids_and_times import IDS_AND_TIMES
from reading_cases.sources import SOURCES
from reading_cases.text_files import TEXT_FILES
from reading_cases.values_and_models import VALUES_AND_MODELS

__all__ = ["SECTIONS"]

SECTIONS = {**IDS_AND_TIMES, **VALUES_AND_MODELS, **TEXT_FILES, **SOURCES}
