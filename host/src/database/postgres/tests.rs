//! What only PostgreSQL does; what every database does is tested by `database::contract`.
