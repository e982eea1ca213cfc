"""What every layer of tests shares."""

import gc


def pytest_collection_finish() -> None:
    """Exempt modules and collected tests from garbage collection.

    They live until the process ends; to walk them again and again is a tenth of a layer's time.
    """
    gc.collect()
    gc.freeze()
