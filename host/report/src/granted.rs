//! What `doctor` shows of a component.

/// A component, and what it is granted.
pub struct GrantedComponent<'a> {
    /// `REVISION_name`.
    pub id: &'a str,
    /// The grants, one per line; `None`: what SQL may do.
    pub granted: Option<&'a [String]>,
    /// How its login differs from what it should be.
    pub differences: &'a [String],
}
