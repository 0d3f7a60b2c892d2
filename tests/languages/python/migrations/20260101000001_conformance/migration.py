NAME = "migration"
