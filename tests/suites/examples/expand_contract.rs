use runner_tests::{EngineProject, for_each_engine};

use super::example;

pub const NAME: &str = "expand-contract";

fn orders(project: &EngineProject) -> Vec<String> {
    project.rows("SELECT id, total_cents, currency FROM orders WHERE id IN (1, 2, 3, 4, 5, 6, 15, 3002) ORDER BY id")
}

for_each_engine! {
    fn applies_and_rolls_back_and_applies(engine) {
        let project = example(NAME, engine);
        crate::examples::applies_and_rolls_back_and_applies(&project);
        assert_eq!(orders(&project), [
            "1|NULL|NULL",
            "2|110050|EUR",
            "3|110005|USD",
            "4|300|EUR",
            "5|NULL|NULL",
            "6|515|EUR",
            "15|1499|GBP",
            "3002|410050|EUR",
        ]);
        assert_eq!(project.value("SELECT count(*) FROM order_issues"), "120");
        assert_eq!(project.rows("SELECT total FROM order_issues WHERE order_id = 5"), ["on request"]);
    }

    fn applications_keep_working_meanwhile(engine) {
        let project = example(NAME, engine);
        project.runner("apply --target expand_total").succeeds();
        // The old application knows one column, the transitional one writes all three.
        project.execute("INSERT INTO orders (id, customer, total) VALUES (5001, 'Old', '7.25 EUR')");
        project.execute(
            "INSERT INTO orders (id, customer, total, total_cents, currency) VALUES (5002, 'New', '8.50 EUR', 850, 'EUR')",
        );
        project.runner("apply --target backfill_total").succeeds();
        assert_eq!(project.value("SELECT total_cents FROM orders WHERE id = 5001"), "725");

        // One old application was overlooked: it would have lost a price.
        project.execute("UPDATE orders SET total = '9.00 EUR' WHERE id = 5002");
        let message = "order 5002: `total` says 9.00 EUR, and the new columns say 8.50 EUR";
        project.runner("apply --target validate_total").exits(1).says(&[message]);
        assert_eq!(project.value("SELECT total FROM orders WHERE id = 5002"), "9.00 EUR");
        project.execute("UPDATE orders SET total_cents = 900 WHERE id = 5002");
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT total_cents FROM orders WHERE id = 5002"), "900");

        // Rows written only through the new columns are copied back into the old one.
        project.execute("INSERT INTO orders (id, customer, total_cents, currency) VALUES (5003, 'Newest', 5, 'USD')");
        project.runner("rollback --target validate_total").succeeds();
        let totals = project.rows("SELECT total FROM orders WHERE id IN (2, 5, 5001, 5002, 5003) ORDER BY id");
        assert_eq!(totals, ["€ 1.100,50", "on request", "7.25 EUR", "9.00 EUR", "0.05 USD"]);
    }
}
