//! What a component may be made of. Compiling takes time and memory for each of these, for some of them more than in
//! proportion, and a few bytes can ask for many: an instance of an instance of an instance.

use runner_base::error::{Error, Result};

/// The most of something that a component may have.
///
/// Each number is several times what large real guests have (SpiderMonkey, QuickJS and components in Rust; the table is in the
/// docs of the module `inspect`). What is within all of them may still take more than the limits of the process that
/// compiles it.
pub struct Bound {
    /// What is counted, in the plural.
    pub what: &'static str,
    /// The most that is accepted.
    pub most: u64,
}

/// Components inside each other.
pub const DEPTH: Bound = Bound { what: "components inside each other", most: 16 };
/// Components in the file. Toolchains make one for each exported interface.
pub const COMPONENTS: Bound = Bound { what: "nested components", most: 500 };
/// Core modules in the file. A Python component has one for each native library.
pub const MODULES: Bound = Bound { what: "core modules", most: 250 };
/// Component instances after every instantiation inside an instantiation.
pub const COMPONENT_INSTANCES: Bound = Bound { what: "component instances", most: 1_000 };
/// Core instances, counted in the same way.
pub const CORE_INSTANCES: Bound = Bound { what: "core instances", most: 1_000 };
/// Imports, exports, aliases, types and arguments of components, counted in the same way.
pub const DEFINITIONS: Bound = Bound { what: "definitions in its instances", most: 500_000 };
/// Lifted and lowered functions, counted in the same way: each is compiled for itself.
pub const CANONICAL_FUNCTIONS: Bound = Bound { what: "functions lifted or lowered in its instances", most: 20_000 };
/// Bytes of the tables that the host keeps for each core instance (imports, globals, function references), counted in
/// the same way. They are outside of the memory that `guest_memory` measures.
pub const INSTANCE_STATE: Bound = Bound { what: "bytes of state in its core instances", most: 24 << 20 };

/// Function types of core modules, each with a trampoline.
pub const TYPES: Bound = Bound { what: "types in its core modules", most: 50_000 };
/// Parameters and results of those types.
pub const TYPE_VALUES: Bound = Bound { what: "parameters and results in the types of its core modules", most: 500_000 };
/// Imports of core modules.
pub const IMPORTS: Bound = Bound { what: "imports of its core modules", most: 100_000 };
/// Exports of core modules.
pub const EXPORTS: Bound = Bound { what: "exports of its core modules", most: 200_000 };
/// Globals of core modules.
pub const GLOBALS: Bound = Bound { what: "globals", most: 100_000 };
/// Memories defined by core modules.
pub const MEMORIES: Bound = Bound { what: "memories", most: 64 };
/// Bytes between the data segments of core modules. The initial content of a memory is part of the compiled code, even if it consists
/// of two bytes and zeros between them (see [`IMAGE`](super::super::engine::IMAGE)).
pub const GAPS: Bound = Bound { what: "bytes between its data segments", most: 64 << 20 };
/// Elements of the tables defined by core modules; a running guest may have as many.
pub const TABLE_ELEMENTS: Bound = Bound { what: "table elements", most: super::super::usage::TABLE_ELEMENTS as u64 };
/// Tables defined by core modules.
pub const TABLES: Bound = Bound { what: "tables", most: 100 };
/// Elements of all element segments.
pub const SEGMENT_ELEMENTS: Bound = Bound { what: "elements in its element segments", most: 400_000 };
/// Data and element segments.
pub const SEGMENTS: Bound = Bound { what: "data and element segments", most: 100_000 };
/// Functions of core modules.
pub const FUNCTIONS: Bound = Bound { what: "functions", most: 200_000 };

/// Bytes of a function.
pub const BODY: Bound = Bound { what: "bytes of code", most: 1 << 20 };
/// Nested blocks of a function. Compile time grows with the square of the depth.
pub const NESTING: Bound = Bound { what: "nested blocks", most: 2_000 };
/// Blocks of a function. What the compiler knows about a value is merged at the end of each, and memory grows with
/// their square.
pub const BLOCKS: Bound = Bound { what: "blocks", most: 10_000 };
/// Blocks, branches and branch targets of a function: the edges of its control flow.
pub const BRANCHES: Bound = Bound { what: "blocks and branches", most: 30_000 };
/// Calls of a function.
pub const CALLS: Bound = Bound { what: "calls", most: 10_000 };
/// Indirect calls of a function, each of which checks a table, an element and a type.
pub const INDIRECT_CALLS: Bound = Bound { what: "indirect calls", most: 2_000 };
/// Instructions of a function.
pub const INSTRUCTIONS: Bound = Bound { what: "instructions", most: 300_000 };
/// Locals of a function, its parameters excluded.
pub const LOCALS: Bound = Bound { what: "locals", most: 5_000 };
/// Locals times blocks of a function: a value may have to be merged for each local where control flow meets.
pub const MERGES: Bound = Bound { what: "locals times blocks", most: 5_000_000 };

impl Bound {
    /// Fails if there are more than the component may have.
    pub fn check(&self, count: u64) -> Result<()> {
        if count <= self.most { Ok(()) } else { Err(self.exceeded("the component")) }
    }

    /// Fails if a function has more than it may have.
    pub fn check_function(&self, count: u64) -> Result<()> {
        if count <= self.most { Ok(()) } else { Err(self.exceeded("the component has a function that")) }
    }

    fn exceeded(&self, subject: &str) -> Error {
        Error::denied(format!("{subject} has more than {} {}", self.most, self.what))
            .hint("this exceeds what any compiler emits; look at how the component was built")
    }
}
