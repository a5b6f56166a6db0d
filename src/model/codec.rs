//! Bytes of plain data, for files: the journal and what else outlives a build.
//!
//! A record is its present fields, each a number of one byte and a value, and a zero at the end. What is
//! numbered here is written for ever: a number is never given to another field or variant, and a field
//! that is added reads from older bytes as the value that is not written: nothing, zero, empty, missing.
//! So an entry of any age is read by this code, without a copy of the types as they once were. A number
//! that is not known was written by a later version, and is an error: to skip it would be to apply less
//! than was recorded.
//!
//! | kind of value | bytes |
//! |---|---|
//! | unsigned integer | seven bits a byte, the lowest first; the high bit says that more follow |
//! | signed integer | the same, after its sign was moved to the lowest bit |
//! | float, instant, 128 bits | little-endian, at their size |
//! | text, bytes | their length, then they |
//! | several | their number, then they |
//! | a choice | the number of the variant, then what it holds |

mod attempt;
mod collection;
mod decision;
mod failure;
mod input;
mod primitive;

pub use input::{Context, FieldCodes, Input, Malformed};
pub(crate) use primitive::{encode_slice, encode_unsigned};

/// What has bytes.
pub trait Codec: Sized {
    /// Appends the bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads what [`Self::encode`] wrote, in this version or an older one.
    ///
    /// # Errors
    /// When the bytes are not of this type.
    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed>;

    /// The value that a field has when it is not written, if there is one.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether it is that value.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Ends a record.
pub(crate) const END: u8 = 0;

/// Writes a field of a record, unless it is absent.
pub(crate) fn encode_field<T: Codec>(out: &mut Vec<u8>, number: u8, value: &T) {
    if !value.is_absent() {
        out.push(number);
        value.encode(out);
    }
}

/// The value of a field of a record that was read.
pub(crate) fn present<T: Codec>(
    read: Option<T>,
    type_name: &'static str,
    field: &'static str,
) -> Result<T, Malformed> {
    read.or_else(T::absent).ok_or(Malformed::Absent { type_name, field })
}

/// Gives a struct its bytes: a table of the numbers of its fields.
macro_rules! record {
    ($name:ident { $($number:literal $field:ident),+ $(,)? }) => {
        impl $crate::model::codec::Codec for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $($crate::model::codec::encode_field(out, $number, $field);)+
                out.push($crate::model::codec::END);
            }

            fn decode(
                input: &mut $crate::model::codec::Input<'_>,
            ) -> Result<Self, $crate::model::codec::Malformed> {
                $(let mut $field = None;)+
                loop {
                    match input.byte()? {
                        $crate::model::codec::END => break,
                        $($number => $field = Some($crate::model::codec::Codec::decode(input)?),)+
                        number => {
                            let type_name = stringify!($name);
                            return Err($crate::model::codec::Malformed::Newer { type_name, number });
                        }
                    }
                }
                Ok(Self {
                    $($field: $crate::model::codec::present(
                        $field,
                        stringify!($name),
                        stringify!($field),
                    )?,)+
                })
            }
        }
    };
}

/// Gives an enum of structs its bytes: a table of the numbers of its variants and of their fields.
macro_rules! variants {
    ($name:ident { $($code:literal $variant:ident { $($number:literal $field:ident),+ $(,)? }),+ $(,)? }) => {
        impl $crate::model::codec::Codec for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field),+ } => {
                        out.push($code);
                        $($crate::model::codec::encode_field(out, $number, $field);)+
                    })+
                }
                out.push($crate::model::codec::END);
            }

            fn decode(
                input: &mut $crate::model::codec::Input<'_>,
            ) -> Result<Self, $crate::model::codec::Malformed> {
                let newer = |number| $crate::model::codec::Malformed::Newer {
                    type_name: stringify!($name),
                    number,
                };
                match input.byte()? {
                    $($code => {
                        $(let mut $field = None;)+
                        loop {
                            match input.byte()? {
                                $crate::model::codec::END => break,
                                $($number => {
                                    $field = Some($crate::model::codec::Codec::decode(input)?);
                                })+
                                number => return Err(newer(number)),
                            }
                        }
                        Ok(Self::$variant {
                            $($field: $crate::model::codec::present(
                                $field,
                                stringify!($name),
                                stringify!($field),
                            )?,)+
                        })
                    })+
                    number => Err(newer(number)),
                }
            }
        }
    };
}

/// Gives an enum without data its bytes: a table of the numbers of its variants.
macro_rules! choice {
    ($name:ident { $($number:literal $variant:ident),+ $(,)? }) => {
        impl $crate::model::codec::Codec for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.push(match self { $(Self::$variant => $number),+ });
            }

            fn decode(
                input: &mut $crate::model::codec::Input<'_>,
            ) -> Result<Self, $crate::model::codec::Malformed> {
                match input.byte()? {
                    $($number => Ok(Self::$variant),)+
                    number => {
                        let type_name = stringify!($name);
                        Err($crate::model::codec::Malformed::Newer { type_name, number })
                    }
                }
            }
        }
    };
}

pub(crate) use {choice, record, variants};
