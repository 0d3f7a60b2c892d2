# says: KeyError: no key 'text'
# says: at describe, migrations/0001_failing.py:7:12: `return config["text"]`
config = {}


def describe():
    return config["text"]


def upgrade():
    pass
