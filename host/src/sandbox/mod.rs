//! Runs components: wasmtime's configuration, the limits, the host's side of the WIT contract.
