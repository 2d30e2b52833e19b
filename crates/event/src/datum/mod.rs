//! A value as an Avro datum, as its struct says: without looking up anything in the schema.
//!
//! A struct of this crate has the fields of its schema's record in the schema's order, and every
//! `Option` is a union `["null", T]`, a `fixed` is a [`Fixed16`](crate::Fixed16). Then the datum is the values one after another (Avro 1.12,
//! Binary encoding). apache-avro, which looks up every field by name, takes several times as long; it
//! still writes and reads what is not [`plain`], and is the oracle in tests and in debug builds.

mod read;
mod write;

use apache_avro::Schema;

use crate::fixed;

pub(crate) use read::read;
pub(crate) use write::write;

/// Whether values of the schema can be written and read without knowing it.
pub(crate) fn plain(schema: &Schema) -> bool {
    match schema {
        Schema::Boolean
        | Schema::Int
        | Schema::Long
        | Schema::TimestampMillis
        | Schema::Bytes
        | Schema::String
        | Schema::Ref { .. } => true,
        Schema::Array(array) => plain(&array.items),
        Schema::Record(record) => record.fields.iter().all(|field| plain(&field.schema)),
        Schema::Union(union) => match union.variants() {
            [Schema::Null, other] => plain(other),
            _ => false,
        },
        Schema::Fixed(fixed) => fixed.size == fixed::SIZE,
        _ => false,
    }
}
