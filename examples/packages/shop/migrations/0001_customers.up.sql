CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, notes TEXT);
INSERT INTO customers VALUES
    (1, 'Ada', 'ada@example.com', 'likes tea'),
    (2, 'Grace', 'grace@example.com', NULL),
    (3, 'Edsger', NULL, 'no mail');
