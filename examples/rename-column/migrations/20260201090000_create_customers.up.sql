-- The table as the old application knows it: phone numbers as people typed them.
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    phone TEXT
);

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO customers (id, name, phone)
SELECT
    i,
    'Customer ' || i,
    CASE i % 5
        WHEN 0 THEN printf('(555) 01%d-%04d', i % 10, i)
        WHEN 1 THEN printf('+44 20 7946 %04d', i % 10000)
        WHEN 2 THEN printf('555.01%d.%04d', i % 10, i)
        WHEN 3 THEN NULL
        ELSE CASE WHEN i % 1000 = 4 THEN 'ask at reception' ELSE printf('0044 20 7946 %04d', i % 10000) END
    END
FROM n;
