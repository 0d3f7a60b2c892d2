//! Bodies of triggers and routines, whose semicolons end no statement.
