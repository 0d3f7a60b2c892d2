-- runner:summary Create the table of notes
CREATE TABLE notes (
    id INTEGER NOT NULL PRIMARY KEY,
    title VARCHAR(200) NOT NULL,
    body TEXT NOT NULL
);
