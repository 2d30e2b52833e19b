//! Changes of one schema with their classes.

use super::tests::told;

/// The changes of the schema of one property of one event.
fn of_property(old: &str, new: &str) -> Vec<String> {
    let plan = |schema: &str| {
        format!(
            "$defs: {{id: {{type: string}}, money: {{type: number}}, tree: {{items: {{$ref: '#/$defs/tree'}}}}}}\nevents:\n  A:\n    properties:\n      properties: {{p: {schema}}}\n"
        )
    };
    let at = "/events/A/properties/properties/p";
    let all = told(&plan(old), &plan(new)).into_iter();
    all.map(|line| line.replace(at, "p")).collect()
}

#[test]
fn words_of_a_schema_are_compared_one_by_one() {
    for (old, new, expected) in [
        ("{type: string}", "{type: string, description: x, x-pii: true}", &[][..]),
        ("{type: string}", "{type: number}", &["breaking p: type: string → number"]),
        ("{type: integer}", "{type: number}", &["safe p: type: integer → number"]),
        ("{type: number}", "{type: integer}", &["breaking p: type: number → integer"]),
        ("{type: string}", "{type: [string, 'null']}", &["safe p: type: string → null or string"]),
        ("{}", "{type: string}", &["breaking p: type: anything → string"]),
        ("{type: string}", "{}", &["safe p: type: string → anything"]),
        (
            "{type: string}",
            "{enum: [a]}",
            &[
                "breaking p: only these values are allowed now: \"a\"",
                "safe p: type: string → anything",
            ],
        ),
        ("{enum: [a]}", "{type: string}", &["safe p: other values are allowed now"]),
        (
            "{enum: [a, b]}",
            "{enum: [a, c]}",
            &["breaking p: no longer allowed: \"b\"", "safe p: allowed now: \"c\""],
        ),
        ("{enum: [1]}", "{const: 1.0}", &[]),
        (
            "{const: 1, enum: [1, 2]}",
            "{const: 1, enum: [2]}",
            &["breaking p: no longer allowed: 1"],
        ),
        ("{minimum: 0}", "{minimum: 1}", &["breaking p: minimum: 0 → 1"]),
        ("{minimum: 0}", "{exclusiveMinimum: 0}", &["breaking p: minimum: 0 → 0, exclusive"]),
        ("{exclusiveMinimum: 0}", "{minimum: 0}", &["safe p: minimum: 0, exclusive → 0"]),
        ("{maximum: 5}", "{maximum: 9}", &["safe p: maximum: 5 → 9"]),
        ("{maximum: 5}", "{exclusiveMaximum: 5}", &["breaking p: maximum: 5 → 5, exclusive"]),
        ("{maximum: 5}", "{}", &["safe p: maximum: 5 → none"]),
        ("{}", "{maxLength: 5}", &["breaking p: maxLength: none → 5"]),
        ("{}", "{minLength: 0}", &[]),
        ("{multipleOf: 1}", "{multipleOf: 5}", &["breaking p: multipleOf: 1 → 5"]),
        ("{multipleOf: 6}", "{multipleOf: 3}", &["safe p: multipleOf: 6 → 3"]),
        ("{}", "{uniqueItems: true}", &["breaking p: may not have the same item twice any more"]),
        ("{}", "{format: email}", &["breaking p: format is asked for now: \"email\""]),
        (
            "{pattern: a}",
            "{pattern: b}",
            &["unknown p: pattern: \"a\" → \"b\", which cannot be compared"],
        ),
        ("{pattern: a}", "{}", &["safe p: pattern is not asked for any more"]),
    ] {
        assert_eq!(of_property(old, new), expected, "{old} → {new}");
    }
}

#[test]
fn what_is_not_looked_into_is_unknown_unless_it_can_only_refuse_more() {
    for (old, new, expected) in [
        (
            "{required: [a]}",
            "{required: [b]}",
            &[
                "breaking p/properties/b: is required now",
                "safe p/properties/a: is not required any more",
            ][..],
        ),
        (
            "{items: {type: string}}",
            "{items: {type: number}}",
            &["breaking p/items: type: string → number"],
        ),
        ("{}", "{items: {type: number}}", &["breaking p/items: type: anything → number"]),
        ("{}", "{not: {type: number}}", &["breaking p: `not` is asked for now"]),
        ("{allOf: [{type: string}]}", "{}", &["safe p: `allOf` is not asked for any more"]),
        (
            "{oneOf: [{type: string}]}",
            "{oneOf: [{type: number}]}",
            &["unknown p: `oneOf` changed, which cannot be compared"],
        ),
        (
            "{prefixItems: [{}]}",
            "{}",
            &["unknown p: `prefixItems` changed, which cannot be compared"],
        ),
        (
            "{if: {}, then: {}}",
            "{if: {}}",
            &["unknown p: `then` changed, which cannot be compared"],
        ),
        (
            "{}",
            "{wordOfNobody: 1}",
            &["unknown p: `wordOfNobody` changed, which cannot be compared"],
        ),
        (
            "{allOf: [{unevaluatedProperties: false}]}",
            "{}",
            &["safe p: `allOf` is not asked for any more"],
        ),
        (
            "{allOf: [{}], unevaluatedProperties: false}",
            "{unevaluatedProperties: false}",
            &["unknown p: changed, and `unevaluated…` cannot be compared"],
        ),
        ("true", "{type: string}", &["breaking p: type: anything → string"]),
        ("true", "false", &["breaking p: is not allowed any more"]),
        ("false", "true", &["safe p: was never allowed, and may be now"]),
    ] {
        assert_eq!(of_property(old, new), expected, "{old} → {new}");
    }
}

#[test]
fn references_are_followed_and_what_refers_beside_other_words_is_unknown() {
    for (old, new, expected) in [
        (
            "{$ref: '#/$defs/id'}",
            "{$ref: '#/$defs/money'}",
            &["breaking p: type: string → number"][..],
        ),
        ("{$ref: '#/$defs/id', description: x}", "{type: string}", &[]),
        ("{$ref: '#/$defs/tree'}", "{$ref: '#/$defs/tree'}", &[]),
        (
            "{$ref: '#/$defs/id', maxLength: 2}",
            "{type: string}",
            &["unknown p: refers to a schema in a way that cannot be compared"],
        ),
    ] {
        assert_eq!(of_property(old, new), expected, "{old} → {new}");
    }
    let plan = |kind: &str| {
        format!(
            "$defs:\n  tree: {{type: {kind}, items: {{$ref: '#/$defs/tree'}}}}\nevents:\n  A:\n    properties: {{properties: {{p: {{$ref: '#/$defs/tree'}}}}}}\n"
        )
    };
    let changes = told(&plan("[array, string]"), &plan("array"));
    assert_eq!(
        changes[0],
        "breaking /events/A/properties/properties/p: type: array or string → array"
    );
    assert!(changes.last().unwrap().ends_with("refers to itself, and something in it changed"));
}

#[test]
fn members_that_come_and_go_are_judged_by_what_holds_for_others() {
    let object = |rest: &str| format!("{{type: object{rest}}}");
    for (old, new, expected) in [
        (
            "",
            ", properties: {a: {type: string}}",
            &[
                "unknown p/properties/a: is described now: who sends it already with other values would be rejected (--sample counts them)",
            ][..],
        ),
        ("", ", properties: {a: {}}", &["safe p/properties/a: is new"]),
        (
            ", additionalProperties: false",
            ", additionalProperties: false, properties: {a: {type: string}}",
            &["safe p/properties/a: is new"],
        ),
        (
            ", additionalProperties: {type: string}",
            ", additionalProperties: {type: string}, properties: {a: {type: number}}",
            &["breaking p/properties/a: type: string → number"],
        ),
        (
            ", properties: {a: {type: string}}",
            "",
            &["safe p/properties/a: is not described any more"],
        ),
        (
            ", properties: {a: {type: string}}, additionalProperties: false",
            ", additionalProperties: false",
            &["breaking p/properties/a: is not allowed any more"],
        ),
        (
            "",
            ", additionalProperties: false",
            &["breaking p/additionalProperties: further properties are not free any more"],
        ),
        (
            ", additionalProperties: false",
            "",
            &["safe p/additionalProperties: was never allowed, and may be now"],
        ),
        (
            ", additionalProperties: {type: string}",
            ", additionalProperties: {type: number}",
            &["breaking p/additionalProperties: type: string → number"],
        ),
        (
            ", patternProperties: {a: {type: string}}",
            ", patternProperties: {a: {type: string}}, properties: {a: {type: string}}",
            &["unknown p/properties/a: is named now; `patternProperties` cannot be compared"],
        ),
    ] {
        assert_eq!(of_property(&object(old), &object(new)), expected, "{old} → {new}");
    }
}

#[test]
fn a_word_that_is_not_looked_into_is_not_the_same_if_what_it_refers_to_changed() {
    for word in ["$ref", "$dynamicRef"] {
        let plan = |kind: &str| {
            format!(
                "$defs: {{id: {{type: {kind}}}}}\nevents:\n  A:\n    properties: {{allOf: [{{{word}: '#/$defs/id'}}]}}\n"
            )
        };
        assert_eq!(
            told(&plan("object"), &plan("array")),
            ["unknown /events/A/properties: `allOf` changed, which cannot be compared"]
        );
        assert_eq!(told(&plan("object"), &plan("object")), Vec::<String>::new());
    }
}
