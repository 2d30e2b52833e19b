//! How many bytes a datum has, by its writer's schema.
//!
//! A check before apache-avro reads what another schema than ours wrote: there (0.22, `decode.rs`) a
//! union, a text or a boolean that the bytes end before is taken for null, so that a datum that was
//! cut off would be an event with fewer fields. It also bounds what a schema that anybody may
//! register can make of few bytes: levels, and values that take no bytes.

use apache_avro::{
    Schema,
    schema::{InnerDecimalSchema, NamesRef, NamespaceRef, UuidSchema},
};

/// Deepest nesting of values.
const MAX_DEPTH: usize = 64;
/// Values that any datum may have, and that it may have for each of its bytes.
const FREE_VALUES: usize = 10_000;
const VALUES_PER_BYTE: usize = 8;
/// Bytes of the longest number: 64 bits, 7 in each.
const LONGEST_NUMBER: usize = 10;

/// Why bytes are no datum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDatum {
    #[error("the bytes end inside of the datum")]
    EndsTooSoon,
    #[error("a number has more than 64 bits")]
    NoNumber,
    #[error("a length is negative")]
    NegativeLength,
    #[error("a union has no such branch")]
    NoBranch,
    #[error("values are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("there are far more values than bytes")]
    TooManyValues,
    #[error("the schema refers to a type that it does not define")]
    NoType,
}

/// Length of the datum at the beginning of `bytes`. `names` are the named types of `schema`.
pub(crate) fn extent(
    schema: &Schema,
    names: &NamesRef<'_>,
    bytes: &[u8],
) -> Result<usize, NoDatum> {
    let values = FREE_VALUES.saturating_add(bytes.len().saturating_mul(VALUES_PER_BYTE));
    let mut walk = Walk { names, rest: bytes, depth: 0, values };
    walk.value(schema, None)?;
    Ok(bytes.len() - walk.rest.len())
}

struct Walk<'a> {
    names: &'a NamesRef<'a>,
    rest: &'a [u8],
    depth: usize,
    /// How many more values there may be.
    values: usize,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Schema, space: NamespaceRef<'_>) -> Result<(), NoDatum> {
        self.values = self.values.checked_sub(1).ok_or(NoDatum::TooManyValues)?;
        if self.depth == MAX_DEPTH {
            return Err(NoDatum::TooDeep);
        }
        self.depth += 1;
        let walked = match schema {
            Schema::Array(array) => self.blocks(|walk| walk.value(&array.items, space)),
            Schema::Map(map) => self.blocks(|walk| {
                walk.text()?;
                walk.value(&map.types, space)
            }),
            Schema::Union(union) => {
                let branch = usize::try_from(self.number()?).ok();
                let branch = branch.and_then(|index| union.variants().get(index));
                self.value(branch.ok_or(NoDatum::NoBranch)?, space)
            }
            Schema::Record(record) => {
                let name = record.name.fully_qualified_name(space);
                record.fields.iter().try_for_each(|it| self.value(&it.schema, name.namespace()))
            }
            Schema::Ref { name } => {
                let name = name.fully_qualified_name(space);
                let named = self.names.get(name.as_ref()).copied();
                self.value(named.ok_or(NoDatum::NoType)?, name.namespace())
            }
            plain => self.plain(plain),
        };
        self.depth -= 1;
        walked
    }

    /// What holds no other values.
    fn plain(&mut self, schema: &Schema) -> Result<(), NoDatum> {
        match schema {
            Schema::Boolean => self.skip(1),
            Schema::Float => self.skip(4),
            Schema::Double => self.skip(8),
            Schema::Bytes
            | Schema::String
            | Schema::BigDecimal
            | Schema::Uuid(UuidSchema::String | UuidSchema::Bytes) => self.text(),
            Schema::Fixed(fixed)
            | Schema::Duration(fixed)
            | Schema::Uuid(UuidSchema::Fixed(fixed)) => self.skip(fixed.size),
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => self.text(),
                InnerDecimalSchema::Fixed(fixed) => self.skip(fixed.size),
            },
            Schema::Null => Ok(()),
            // Every other type is written as a number.
            _ => self.number().map(drop),
        }
    }

    /// Blocks of items up to an empty one. A negative count is followed by the block's bytes.
    fn blocks(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), NoDatum>,
    ) -> Result<(), NoDatum> {
        loop {
            let count = self.number()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.number()?;
            }
            for _ in 0..count.unsigned_abs() {
                item(self)?;
            }
        }
    }

    fn text(&mut self) -> Result<(), NoDatum> {
        let length = usize::try_from(self.number()?).map_err(|_| NoDatum::NegativeLength)?;
        self.skip(length)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), NoDatum> {
        self.rest = self.rest.get(bytes..).ok_or(NoDatum::EndsTooSoon)?;
        Ok(())
    }

    /// A number as Avro writes it: zigzag, 7 bits in each byte, the lowest first.
    fn number(&mut self) -> Result<i64, NoDatum> {
        let mut bits = 0_u64;
        for (index, byte) in self.rest.iter().take(LONGEST_NUMBER).enumerate() {
            bits |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        let is_cut = self.rest.len() < LONGEST_NUMBER;
        Err(if is_cut { NoDatum::EndsTooSoon } else { NoDatum::NoNumber })
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::{schema::ResolvedSchema, types::Value, writer::datum::GenericDatumWriter};

    use super::*;

    fn extent_by(schema: &str, bytes: &[u8]) -> Result<usize, NoDatum> {
        let schema = Schema::parse_str(schema).unwrap();
        let resolved = ResolvedSchema::try_from(&schema).unwrap();
        extent(&schema, resolved.get_names(), bytes)
    }

    fn record(field: &str) -> String {
        format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{field}}}]}}"#)
    }

    #[test]
    fn every_type_has_the_extent_that_apache_avro_writes() {
        let some = |value| Value::Union(1, Box::new(value));
        let table = [
            (r#""null""#, Value::Null),
            (r#""boolean""#, Value::Boolean(true)),
            (r#""int""#, Value::Int(-70)),
            (r#""long""#, Value::Long(i64::MIN)),
            (r#""float""#, Value::Float(1.5)),
            (r#""double""#, Value::Double(1.5)),
            (r#""bytes""#, Value::Bytes(vec![0xff; 200])),
            (r#""string""#, Value::String("ä".repeat(70))),
            (r#"{"type":"fixed","name":"F","size":7}"#, Value::Fixed(7, vec![1; 7])),
            (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, Value::Enum(1, "B".to_owned())),
            (r#"["null","string"]"#, some(Value::String("x".to_owned()))),
            (
                r#"{"type":"array","items":"long"}"#,
                Value::Array(vec![Value::Long(1), Value::Long(300)]),
            ),
            (
                r#"{"type":"map","values":"string"}"#,
                Value::Map([("k".to_owned(), Value::String("v".to_owned()))].into()),
            ),
            (r#"{"type":"int","logicalType":"date"}"#, Value::Date(20_000)),
            (r#"{"type":"long","logicalType":"timestamp-millis"}"#, Value::TimestampMillis(1)),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#,
                Value::Decimal(vec![1, 2, 3].into()),
            ),
            (
                r#"{"type":"string","logicalType":"uuid"}"#,
                Value::Uuid("6f1ed002-ab5b-4bd8-9a3d-2f0a4c0c2f8b".parse().unwrap()),
            ),
        ];
        for (field, value) in table {
            let text = record(field);
            let schema = Schema::parse_str(&text).unwrap();
            let writer = GenericDatumWriter::builder(&schema).build().unwrap();
            let mut bytes = Vec::new();
            let written = Value::Record(vec![("f".to_owned(), value)]);
            writer.write_value(&mut bytes, written).unwrap();
            let whole = bytes.len();
            bytes.extend_from_slice(b"behind");
            assert_eq!(extent_by(&text, &bytes), Ok(whole), "{field}");
            for cut in 0..whole {
                let found = extent_by(&text, &bytes[..cut]);
                assert_eq!(found, Err(NoDatum::EndsTooSoon), "{field} of {cut} bytes");
            }
        }
    }

    #[test]
    fn blocks_may_tell_their_bytes() {
        // Two items in one byte each, by a count of -2.
        assert_eq!(extent_by(r#"{"type":"array","items":"int"}"#, &[3, 4, 2, 4, 0]), Ok(5));
    }

    #[test]
    fn what_is_no_datum_says_why() {
        let numbers = r#"{"type":"array","items":"null"}"#;
        let nested = r#"{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}"#;
        for (schema, bytes, expected) in [
            (r#""long""#, vec![0xff; 10], NoDatum::NoNumber),
            (r#""string""#, vec![1], NoDatum::NegativeLength),
            (r#"["null","int"]"#, vec![4], NoDatum::NoBranch),
            (r#"["null","int"]"#, vec![1], NoDatum::NoBranch),
            (nested, vec![2; 1_000_000], NoDatum::TooDeep),
            (numbers, vec![0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], NoDatum::TooManyValues),
        ] {
            assert_eq!(extent_by(schema, &bytes), Err(expected), "{schema}");
        }
    }
}
