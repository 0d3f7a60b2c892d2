//! The host's side of the WIT contract, generated; this is the only use of the macro.

#![allow(missing_docs, reason = "generated from wit/, where every item is documented")]

wasmtime::component::bindgen!({
    path: "wit",
    // Everything that the host offers, which is more than any one guest imports.
    inline: "package runner:host;
        world migration {
            include runner:migration/migration@0.1.0;
            import runner:migration/packed@0.1.0;
        }",
    world: "runner:host/migration",
    imports: {
        default: async | trappable,
        // Neither waits nor fails: what a run knows from its start.
        "runner:migration/context.get-dialect": trappable,
        "runner:migration/context.server-version": trappable,
        "runner:migration/context.parameters": trappable,
        "runner:migration/context.run-timestamp": trappable,
        "runner:migration/context.seed": trappable,
        "runner:migration/context.log": trappable,
        "runner:migration/context.progress": trappable,
        "runner:migration/context.[drop]asset": trappable,
    },
    exports: { default: async },
    with: {
        "runner:migration/batches.reader": crate::engine::execution::Reader,
        "runner:migration/batches.writer": crate::engine::execution::Writer,
        "runner:migration/context.asset": super::assets::Asset,
    },
    require_store_data_send: true,
});
