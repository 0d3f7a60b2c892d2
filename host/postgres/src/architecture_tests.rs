//! The imports of this crate, against the drawing in its head.

#[test]
fn imports_point_down() {
    runner_tests::architecture::check_without_circles(env!("CARGO_MANIFEST_DIR"));
}
