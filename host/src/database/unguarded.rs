//! For tests: statements on a bare connection, in a role that stays until another is taken. What ships cannot do this.

use async_trait::async_trait;

use super::role::set_role;
use super::{Database, Role, StopSignal};

/// Statements without a guard.
#[async_trait]
pub(crate) trait Unguarded {
    /// Speaks in a role from now on, without a stop signal.
    fn set_role(&mut self, role: Role);

    /// Speaks as the host from now on, with a stop signal.
    fn set_stop_signal(&mut self, stop: StopSignal);

    /// Speaks in a role from now on, with a stop signal.
    fn speak(&mut self, role: Role, stop: &StopSignal);
}

#[async_trait]
impl Unguarded for dyn Database + '_ {
    fn set_role(&mut self, role: Role) {
        set_role(self, role, &StopSignal::never());
    }

    fn set_stop_signal(&mut self, stop: StopSignal) {
        set_role(self, Role::Host, &stop);
    }

    fn speak(&mut self, role: Role, stop: &StopSignal) {
        set_role(self, role, stop);
    }
}
