CREATE TABLE article_states (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
    name VARCHAR(20) NOT NULL,
    UNIQUE KEY article_states_by_name (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
INSERT INTO article_states (id, name) VALUES (1, 'draft'), (2, 'published'), (3, 'archived');

ALTER TABLE articles ADD COLUMN state_id TINYINT UNSIGNED NOT NULL DEFAULT 1;
UPDATE articles AS a JOIN article_states AS s ON s.name = a.state SET a.state_id = s.id;
ALTER TABLE articles
    ADD CONSTRAINT articles_state FOREIGN KEY (state_id) REFERENCES article_states (id),
    DROP COLUMN state;
