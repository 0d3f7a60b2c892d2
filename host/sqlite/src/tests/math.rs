//! The mathematical functions, with the results of `sqlite3`.

use super::*;

#[tokio::test]
async fn the_functions_give_what_sqlite3_gives() {
    let mut database = in_memory().await;
    let (pi, e) = (std::f64::consts::PI, std::f64::consts::E);
    for (call, expected) in [
        ("acos(1)", 0.0),
        ("acosh(1)", 0.0),
        ("asin(0)", 0.0),
        ("asinh(0.5)", 0.481_211_825_059_603_47),
        ("atan(1)", pi / 4.0),
        ("atan2(1, -1)", 3.0 * pi / 4.0),
        ("atanh(0.5)", 0.549_306_144_334_054_9),
        ("ceil(1.2)", 2.0),
        ("ceiling(-1.2)", -1.0),
        ("cos(0)", 1.0),
        ("cosh(0)", 1.0),
        ("degrees(pi())", 180.0),
        ("exp(1)", e),
        ("exp(1000)", f64::INFINITY),
        ("floor(-1.2)", -2.0),
        ("floor('1.5')", 1.0),
        ("ln(exp(1))", 1.0),
        ("log(100)", 2.0),
        ("log(2, 64)", 6.0),
        ("log10('1000')", 3.0),
        ("log2(8)", 3.0),
        ("mod(11, 3)", 2.0),
        ("mod(-11, 3.5)", -0.5),
        ("pow(2, 10)", 1024.0),
        ("power(2, -1)", 0.5),
        ("radians(180)", pi),
        ("sin(0)", 0.0),
        ("sinh(0)", 0.0),
        ("sqrt(2)", std::f64::consts::SQRT_2),
        ("tan(0)", 0.0),
        ("tanh(0)", 0.0),
        ("trunc(-1.9)", -1.0),
    ] {
        let found = rows(&mut *database, &format!("SELECT {call}")).await.remove(0).remove(0);
        let Value::Float64(found) = found else { panic!("{call}: {found:?}") };
        // The last digit is up to the C library.
        assert!(found == expected || (found - expected).abs() < 1e-15, "{call}: {found}");
    }
    for call in ["ceil(3)", "floor(3)", "trunc('3')"] {
        assert_eq!(rows(&mut *database, &format!("SELECT {call}")).await, [[Value::Int64(3)]], "{call}");
    }
    for call in [
        "sqrt(-1)",
        "ln(0)",
        "log(-1)",
        "log2(0)",
        "log(1, 8)",
        "log(0.5, 8)",
        "log(2, 0)",
        "acos(2)",
        "pow(-1, 0.5)",
        "mod(1, 0)",
        "atanh(2)",
        "sqrt(NULL)",
        "sqrt('x')",
        "ceil('')",
        "pow(2, x'00')",
        "log(2, NULL)",
    ] {
        assert_eq!(rows(&mut *database, &format!("SELECT {call}")).await, [[Value::Null]], "{call}");
    }
}

/// They are deterministic, and the schema may call them.
#[tokio::test]
async fn the_functions_may_be_part_of_the_schema() {
    let mut database = in_memory().await;
    for statement in [
        "CREATE TABLE t (x REAL CHECK (floor(x) >= 0), r REAL GENERATED ALWAYS AS (sqrt(x)) STORED)",
        "CREATE INDEX i ON t (log2(x)) WHERE ceil(x) > 1",
        "CREATE VIEW v AS SELECT pow(r, 2) AS y FROM t",
        "INSERT INTO t (x) VALUES (16)",
    ] {
        run(&mut *database, statement).await;
    }
    assert_eq!(rows(&mut *database, "SELECT r, y FROM t, v").await, [[Value::Float64(4.0), Value::Float64(16.0)]]);
}
