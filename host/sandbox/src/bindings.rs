//! The host's side of the WIT contract, generated; this is the only use of the macro.

#![allow(missing_docs, reason = "generated from wit/, where every item is documented")]

wasmtime::component::bindgen!({
    path: "../../wit",
    // Everything that the host offers, which is more than any one guest imports.
    inline: "package runner:host;
        world migration {
            include runner:migration/migration@0.1.0;
            import runner:migration/packed@0.1.0;
        }",
    world: "runner:host/migration",
    // Those that only read something, too: each is a point at which others have their turn.
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "runner:migration/batches.reader": runner_engine::execution::Reader,
        "runner:migration/batches.writer": runner_engine::execution::Writer,
        "runner:migration/context.asset": super::assets::Asset,
    },
    require_store_data_send: true,
});
