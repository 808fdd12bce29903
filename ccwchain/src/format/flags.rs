// SPDX-License-Identifier: GPL-2.0

//! Sets of named bits.

/// Defines a type that holds a set of named bits of a field of the architecture.
///
/// A set can hold every value of the field: bits without a name are preserved, and displayed as a
/// number.
macro_rules! flags {
    (
        $(#[$type_doc:meta])*
        pub struct $type:ident($int:ty);
        $($(#[$doc:meta])* $const:ident = $value:expr, $name:literal;)*
    ) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $type($int);

        impl $type {
            $($(#[$doc])* pub const $const: Self = Self($value);)*

            /// Returns the empty set.
            #[inline]
            pub const fn empty() -> Self {
                Self(0)
            }

            /// Returns the set of the bits that are one in `bits`.
            #[inline]
            pub const fn from_bits(bits: $int) -> Self {
                Self(bits)
            }

            /// Returns the value of the field.
            #[inline]
            pub const fn bits(self) -> $int {
                self.0
            }

            /// Returns whether the set is empty.
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Returns whether the set contains all bits of `other`.
            #[inline]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Returns whether the set contains any bit of `other`.
            #[inline]
            pub const fn intersects(self, other: Self) -> bool {
                !self.intersection(other).is_empty()
            }

            /// Returns the bits that are in at least one of the two sets.
            #[inline]
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Returns the bits that are in both sets.
            #[inline]
            #[must_use]
            pub const fn intersection(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// Returns the bits of this set that are not in `other`.
            #[inline]
            #[must_use]
            pub const fn difference(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }

        /// Displays the names of the bits, separated by `|`, or `-` for the empty set.
        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut rest = self.0;
                let mut separator = "";
                for (bit, name) in [$((Self::$const, $name),)*] {
                    if self.contains(bit) {
                        write!(f, "{separator}{name}")?;
                        separator = "|";
                        rest &= !bit.0;
                    }
                }
                if rest != 0 {
                    write!(f, "{separator}{rest:#x}")
                } else if self.is_empty() {
                    f.write_str("-")
                } else {
                    Ok(())
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(crate) use flags;
