-- The tables of an application from 2012: three-byte characters, invalid dates, states in an ENUM, and
-- titles that arrived as UTF-8 and were stored as Latin-1.
CREATE TABLE authors (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    homepage VARCHAR(1000),
    KEY authors_by_homepage (homepage)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci ROW_FORMAT = DYNAMIC;

CREATE TABLE articles (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    author_id INT NOT NULL,
    slug VARCHAR(255) NOT NULL,
    title VARCHAR(255) NOT NULL,
    body TEXT NOT NULL,
    state ENUM ('draft', 'published', 'archived') NOT NULL DEFAULT 'draft',
    published_on DATE NOT NULL,
    UNIQUE KEY articles_by_slug (slug),
    CONSTRAINT articles_author FOREIGN KEY (author_id) REFERENCES authors (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci ROW_FORMAT = COMPACT;

INSERT INTO authors (id, name, homepage)
VALUES
    (1, 'Jürgen', 'https://example.com/jürgen'),
    (2, 'Zoë', NULL),
    (3, 'Ann', CONCAT('https://example.com/', REPEAT('a', 900)));

-- With IGNORE, a strict server accepts invalid dates, as the servers of that time did.
INSERT IGNORE INTO articles (id, author_id, slug, title, body, state, published_on)
WITH RECURSIVE
    n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999),
    titled (i, title) AS (
        SELECT
            1000 * k.i + n.i,
            CONCAT(
                CASE n.i % 6
                    WHEN 0 THEN 'Plain title '
                    WHEN 1 THEN 'Grüße aus Köln '
                    WHEN 2 THEN 'Grüße aus Bern '
                    WHEN 3 THEN 'Ávila – “el Café” '
                    WHEN 4 THEN 'Party 🎉 '
                    ELSE 'SÃO PAULO '
                END,
                1000 * k.i + n.i
            )
        FROM n CROSS JOIN (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS k
    )
SELECT
    1 + i,
    1 + i % 3,
    CONCAT('article-', i),
    -- What became of a title that the application sent as UTF-8 over a connection that was set to Latin-1.
    IF(i % 1000 % 6 BETWEEN 2 AND 4, CONVERT(CONVERT(CAST(title AS BINARY) USING latin1) USING utf8mb4), title),
    CONCAT('Once upon a time, ', i),
    CASE i % 4 WHEN 0 THEN 'draft' WHEN 1 THEN 'archived' ELSE 'published' END,
    CASE
        WHEN i % 4 = 0 THEN '0000-00-00'
        WHEN i % 50 = 1 THEN CONCAT(2010 + i % 10, '-00-00')
        ELSE DATE_ADD('2010-01-01', INTERVAL i DAY)
    END
FROM titled
ORDER BY i;
