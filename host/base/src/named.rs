//! Enums whose variants have names.

/// Defines an enum of variants that have names, such as the history, the settings and JSON have them: `ALL`, `name` and
/// `from_name`.
#[macro_export]
macro_rules! named {
    ($(#[$meta:meta])* $visible:vis enum $type:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)*
    }) => {
        $(#[$meta])*
        $visible enum $type {
            $($(#[$variant_meta])* $variant,)*
        }

        #[allow(dead_code, reason = "not every enum is read by its names")]
        impl $type {
            /// All of them, in their order.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
