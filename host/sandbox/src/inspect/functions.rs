//! The size and shape of one function.

use wasmparser::{FunctionBody, Operator};

use super::bounds;
use super::damaged;
use runner_base::error::Result;

/// What a function has of everything that is bounded.
#[derive(Debug, Default)]
struct Shape {
    instructions: u64,
    locals: u64,
    blocks: u64,
    branches: u64,
    nesting: u64,
    calls: u64,
    indirect_calls: u64,
}

/// Checks a function before it is compiled. Stops at the first bound that is exceeded.
pub(super) fn check(body: &FunctionBody<'_>) -> Result<()> {
    bounds::BODY.check_function(body.as_bytes().len() as u64)?;
    Shape::of(body).map(drop)
}

impl Shape {
    fn of(body: &FunctionBody<'_>) -> Result<Self> {
        let mut shape = Self::default();
        let mut depth = 0_u64;
        let locals = body.get_locals_reader().map_err(|error| damaged(&error))?;
        for group in locals {
            let (count, _) = group.map_err(|error| damaged(&error))?;
            shape.locals += u64::from(count);
            bounds::LOCALS.check_function(shape.locals)?;
        }
        let mut operators = body.get_operators_reader().map_err(|error| damaged(&error))?;
        while !operators.eof() {
            shape.instructions += 1;
            match operators.read().map_err(|error| damaged(&error))? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    depth += 1;
                    shape.nesting = shape.nesting.max(depth);
                    shape.blocks += 1;
                    shape.branches += 1;
                }
                Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => shape.branches += 1,
                Operator::BrTable { targets } => shape.branches += 1 + u64::from(targets.len()),
                Operator::End => depth = depth.saturating_sub(1),
                Operator::Call { .. } | Operator::ReturnCall { .. } => shape.calls += 1,
                Operator::CallIndirect { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::CallRef { .. }
                | Operator::ReturnCallRef { .. } => shape.indirect_calls += 1,
                _ => continue,
            }
            shape.check()?;
        }
        bounds::INSTRUCTIONS.check_function(shape.instructions)?;
        Ok(shape)
    }

    fn check(&self) -> Result<()> {
        bounds::NESTING.check_function(self.nesting)?;
        bounds::BLOCKS.check_function(self.blocks)?;
        bounds::BRANCHES.check_function(self.branches)?;
        bounds::MERGES.check_function(self.blocks.saturating_mul(self.locals))?;
        bounds::CALLS.check_function(self.calls)?;
        bounds::INDIRECT_CALLS.check_function(self.indirect_calls)
    }
}
