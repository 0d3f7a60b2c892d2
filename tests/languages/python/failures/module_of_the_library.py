# says: `platform` cannot be imported: the runtime has the standard library without it
import platform

description = "fails"


def upgrade():
    platform.system()
