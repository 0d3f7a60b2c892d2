ALTER TABLE articles MODIFY published_on DATE NULL;
CREATE TABLE article_dates_kept (
    article_id INT NOT NULL PRIMARY KEY,
    published_on CHAR(10) NOT NULL,
    FOREIGN KEY (article_id) REFERENCES articles (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
