"""The facility file: TOML -> validated Settings with its Facility; every problem reported at once.

`load` reads a file or folder, `parse` texts; `admit` adds a device that appeared; `secret` resolves what must not stand
in the file. No connection is opened here.
"""

from steward.config.load import Settings as Settings
from steward.config.load import load as load
from steward.config.load import parse as parse
from steward.config.points import admit as admit
from steward.config.secrets import secret as secret
