CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
INSERT INTO notes (text) VALUES ('the first note');
