//! Pages against a real database.
