# says: the limit `guest_memory` of 64MiB is used up
# with: --limit guest_memory=64MiB
description = "fails"


def upgrade():
    everything = []
    while True:
        everything.append(bytearray(1 << 20))
