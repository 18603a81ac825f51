"""What has been found wrong so far, one fault a key: a value that could not be read is not judged a second time."""

from engine.config.faults import Fault
from engine.config.sections import Sections


class Noted:
    """Adds faults by section and key to a list."""

    def __init__(self, faults: list[Fault], sections: Sections) -> None:
        self._faults = faults
        self._sections = sections
        self._keys = {(fault.file, fault.key) for fault in faults}

    def __call__(self, section: str, key: str, message: str) -> None:
        """Note that the key of a section (``root``, ``llm``, ...) is wrong, unless it is known to be."""
        file = self._sections.names[section]
        if (file, key) not in self._keys:
            self._keys.add((file, key))
            self._faults.append(Fault(file=file, key=key, message=message))
