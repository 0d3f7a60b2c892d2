# says: the script has no description: add `description = Description("…")`
def upgrade():
    pass
