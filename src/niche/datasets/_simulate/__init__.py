"""The parts of :func:`niche.datasets.simulate_metastases`, each a pure function of a numpy Generator.

``options`` (what may be asked for) -> ``design`` (patients x organs x tissue) -> ``cell_types`` ->
``axes`` (planted ligand-receptor axes) -> ``genes`` (gene universe) -> ``profiles`` (expected
expression) -> ``copy_number``, ``programs``, ``variation`` (what patients add) -> ``droplets``
(cells, ambient, doublets, counts) -> ``expectation``, ``edges`` (the truth) -> ``assemble``.
"""

from __future__ import annotations
