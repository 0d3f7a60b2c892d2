# says: `fcntl` cannot be imported: a migration has no operating system
import fcntl

description = "fails"


def upgrade():
    fcntl.lockf(0, fcntl.LOCK_EX)
