//! Schemas and the registry.

use topology::Topic;

use crate::parts::parts;

#[test]
fn an_incompatible_schema_is_refused_with_the_registrys_reason() {
    let parts = parts();
    let incompatible = r#"{"type":"record","name":"RawEvent","namespace":"io.waybill","fields":[
        {"name":"added_without_default","type":"string"}]}"#;
    let refused = parts
        .runtime
        .block_on(parts.registry.register_text(Topic::RawEvents, incompatible))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("FULL_TRANSITIVE"), "{refused}");
    assert!(refused.contains("added_without_default"), "the registry's own words: {refused}");
    let known = parts.runtime.block_on(parts.registry.registered_id(Topic::RawEvents)).unwrap();
    assert!(known.is_some(), "ours is still there");
}
