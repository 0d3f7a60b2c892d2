DROP TABLE article_dates_kept;
ALTER TABLE articles MODIFY published_on DATE NOT NULL;
