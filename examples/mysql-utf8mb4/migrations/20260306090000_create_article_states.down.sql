ALTER TABLE articles ADD COLUMN state ENUM ('draft', 'published', 'archived') NOT NULL DEFAULT 'draft';
UPDATE articles AS a JOIN article_states AS s ON s.id = a.state_id SET a.state = s.name;
ALTER TABLE articles DROP FOREIGN KEY articles_state;
ALTER TABLE articles DROP COLUMN state_id;
DROP TABLE article_states;
