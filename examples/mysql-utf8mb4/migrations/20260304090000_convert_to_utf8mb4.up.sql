-- A key holds 767 bytes in the old row format and 3,072 in the new one, and a character counts four bytes instead
-- of three: the key on `slug` needs the new format, the one on `homepage` a prefix. The data in both stay the same.
ALTER TABLE authors
    DROP INDEX authors_by_homepage,
    CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
    ADD INDEX authors_by_homepage (homepage (768));

-- CONVERT would turn `body` into a MEDIUMTEXT.
ALTER TABLE articles
    ROW_FORMAT = DYNAMIC,
    CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
    MODIFY body TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL;
