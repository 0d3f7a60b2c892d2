-- If a four-byte character has been written meanwhile, the database refuses this and leaves the table unchanged.
ALTER TABLE articles
    CONVERT TO CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci,
    MODIFY body TEXT CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
    ROW_FORMAT = COMPACT;
ALTER TABLE authors
    DROP INDEX authors_by_homepage,
    CONVERT TO CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci,
    ADD INDEX authors_by_homepage (homepage);
