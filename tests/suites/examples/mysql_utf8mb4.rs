use runner_tests::{Engine, EngineProject};

use super::example;

pub const NAME: &str = "mysql-utf8mb4";

/// A column of some articles, by their number.
fn articles(project: &EngineProject, column: &str, ids: &str) -> Vec<String> {
    project.rows(&format!("SELECT {column} FROM articles WHERE id IN ({ids}) ORDER BY id"))
}

#[test]
fn applies_and_rolls_back_and_applies() {
    let project = example(NAME, Engine::Mariadb);
    crate::examples::applies_and_rolls_back_and_applies(&project);

    let titles = ["Grüße aus Köln 1", "Grüße aus Bern 2", "Ávila – “el Café” 3", "Party 🎉 4", "SÃO PAULO 5"];
    assert_eq!(articles(&project, "title", "2, 3, 4, 5, 6"), titles);
    assert_eq!(articles(&project, "published_on", "1, 2, 3"), ["NULL", "NULL", "2010-01-03"]);
    assert_eq!(project.value("SELECT count(*) FROM articles WHERE published_on IS NULL"), "1080");
    assert_eq!(project.rows("SELECT published_on FROM article_dates_kept WHERE article_id = 2"), ["2011-00-00"]);
    assert_eq!(project.value("SELECT count(*) FROM article_dates_kept"), "80");
    let states =
        "SELECT s.name, count(*) FROM articles a JOIN article_states s ON s.id = a.state_id GROUP BY 1 ORDER BY 1";
    assert_eq!(project.rows(states), ["archived|1000", "draft|1000", "published|2000"]);
    let columns = "SELECT column_name, column_type, character_set_name FROM information_schema.columns \
                   WHERE table_schema = database() AND column_name IN ('body', 'homepage', 'slug') ORDER BY 1";
    assert_eq!(
        project.rows(columns),
        ["body|text|utf8mb4", "homepage|varchar(1000)|utf8mb4", "slug|varchar(255)|utf8mb4"]
    );
}

#[test]
fn a_lossy_rollback_is_refused() {
    let project = example(NAME, Engine::Mariadb);
    project.runner("apply").succeeds();
    project.execute("UPDATE articles SET body = 'A party 🎉' WHERE id = 1");
    project.runner("rollback --target convert_to_utf8mb4").succeeds();
    project.runner("rollback").exits(1).says(&["Incorrect string value"]);
    assert_eq!(articles(&project, "body", "1"), ["A party 🎉"]);

    project.execute("UPDATE articles SET body = 'A party' WHERE id = 1");
    project.runner("rollback --all").succeeds();
    assert_eq!(
        project.value(
            "SELECT count(*) FROM information_schema.tables WHERE table_name = 'articles' \
                              AND table_schema = database()"
        ),
        "0"
    );
}

#[test]
fn later_rows_are_kept_by_the_rollback() {
    let project = example(NAME, Engine::Mariadb);
    project.runner("apply").succeeds();
    project.execute("UPDATE articles SET title = 'Another title' WHERE id = 3");
    project.runner("rollback --target convert_to_utf8mb4").succeeds();
    assert_eq!(articles(&project, "title", "3, 9"), ["Another title", "GrÃ¼ÃŸe aus Bern 8"]);
}
