-- The table as the first application knows it: the total of an order is text.
CREATE TABLE orders (
    id INTEGER NOT NULL PRIMARY KEY,
    customer VARCHAR(40) NOT NULL,
    total VARCHAR(40)
);

INSERT INTO orders (id, customer, total)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
SELECT
    1000 * k.i + n.i + 1,
    concat('Customer ', n.i),
    CASE n.i % 10
        WHEN 0 THEN NULL
        WHEN 1 THEN concat('€ ', k.i + 1, '.', n.i + 100 - n.i % 100, ',50')
        WHEN 2 THEN concat('$', k.i + 1, ',', n.i + 100 - n.i % 100, '.05')
        WHEN 3 THEN concat('EUR ', n.i)
        WHEN 4 THEN CASE WHEN n.i % 100 = 4 THEN 'on request' ELSE concat('£', n.i, '.99') END
        ELSE concat(n.i, '.', n.i % 90 + 10, ' EUR')
    END
FROM n CROSS JOIN (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) k;
