//! What goes to PostgreSQL and comes from it, as the store's own values.

use crate::store::sql::Value;
use bytes::BytesMut;
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A value on its way.
#[derive(Debug, Clone)]
pub(super) enum Owned {
    Nothing,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

type Failure = Box<dyn Error + Sync + Send>;

impl ToSql for Owned {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Nothing => Ok(IsNull::Yes),
            // Where nothing else says so, a number beside a short one is a short one.
            Self::Integer(number) if *kind == Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
            Self::Integer(number) if *kind == Type::INT8 => number.to_sql(kind, out),
            Self::Text(text) if <&str as ToSql>::accepts(kind) => text.as_str().to_sql(kind, out),
            Self::Bytes(bytes) if *kind == Type::BYTEA => bytes.as_slice().to_sql(kind, out),
            Self::Integer(_) | Self::Text(_) | Self::Bytes(_) => Err(format!("{kind} is another kind").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What stands in a column.
pub(in crate::store) struct Stands<'r>(pub(in crate::store) Value<'r>);

impl<'r> FromSql<'r> for Stands<'r> {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> Result<Self, Failure> {
        Ok(Self(match *kind {
            Type::BOOL => Value::Integer(i64::from(bool::from_sql(kind, raw)?)),
            Type::INT4 => Value::Integer(i64::from(i32::from_sql(kind, raw)?)),
            Type::INT8 => Value::Integer(i64::from_sql(kind, raw)?),
            Type::BYTEA => Value::Bytes(raw),
            _ => Value::Text(std::str::from_utf8(raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Nothing))
    }

    fn accepts(kind: &Type) -> bool {
        [Type::BOOL, Type::INT4, Type::INT8, Type::BYTEA].contains(kind) || <&str as FromSql<'_>>::accepts(kind)
    }
}

/// A document as text.
#[cfg(test)]
pub(super) struct Json(pub(super) String);

#[cfg(test)]
impl FromSql<'_> for Json {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Failure> {
        Ok(Self(String::from_utf8(raw.to_owned())?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSON
    }
}
