//! What Segment's layout is made of: sources of production, and what their plans say.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use serde_json::Value;
use tracking_plan::{
    Source, SourceKind,
    plan::{ContextRule, ContextRules, EventRule, Place, PlanDocument, PlanSource},
};
use warehouse::{Field, FieldKind, Part, PlannedEvent, SegmentSource};

use super::plan::walk::{named, resolved, types};
use crate::config::{Config, plan_files};

/// Most members of one schema that become columns.
const MOST_FIELDS: usize = 500;
/// Deepest object that is taken apart; what lies deeper stays JSON text.
const DEEPEST: usize = 5;

/// The sources of production with what every version of their plans says: a column stays when a later
/// version does not name its property any more. Of two versions the later one's word on a type holds.
pub(super) fn sources(config: &Config) -> anyhow::Result<Vec<SegmentSource>> {
    if !config.warehouse.segment_layout {
        return Ok(Vec::new());
    }
    let named = config.warehouse.segment_databases.keys();
    if let Some(id) = named.into_iter().find(|id| config.sources.source(id).is_none()) {
        bail!("warehouse.segment_databases: there is no source {id:?}; mend its id or take it out");
    }
    let documents = documents(config)?;
    let production = config.sources.sources().filter(|it| it.config.environment == "production");
    Ok(production
        .map(|source| {
            let plan = source.config.plan.as_deref();
            let versions = documents.iter().filter(|it| plan == Some(it.plan.as_str()));
            let database = config.warehouse.segment_databases.get(&source.id).cloned();
            planned(source, database, &versions.collect::<Vec<_>>())
        })
        .collect())
}

/// The plans, the versions of one in the order in which they hold.
fn documents(config: &Config) -> anyhow::Result<Vec<PlanDocument>> {
    let Some(dir) = &config.plans.dir else { return Ok(Vec::new()) };
    let files = plan_files(dir).map_err(|problem| anyhow!("plans.dir: {problem}"))?;
    let read = files.iter().map(|(file, text)| PlanSource::read(file, text));
    let sources = read.collect::<Result<Vec<_>, _>>()?;
    let mut documents: Vec<_> = sources.into_iter().map(|source| source.document).collect();
    documents.sort_by_key(|it| it.effective_from);
    Ok(documents)
}

fn planned(source: &Source, database: Option<String>, versions: &[&PlanDocument]) -> SegmentSource {
    let mut result = SegmentSource {
        source: source.id.clone(),
        database,
        planned: Vec::new(),
        context: Vec::new(),
    };
    let kind = source.config.kind;
    for document in versions {
        result.context.extend(of_context(&document.context, kind, &document.defs));
        let events = document.events.iter().map(|(name, rule)| ("track", name, rule));
        let types = document.types.iter().map(|(name, rule)| (name.as_str(), name, rule));
        for (event_type, name, rule) in events.chain(types) {
            result.context.extend(of_context(&rule.context, kind, &document.defs));
            result.planned.push(PlannedEvent {
                kind: event_type.to_owned(),
                name: name.clone(),
                fields: of_rule(rule, &document.defs),
            });
        }
    }
    result
}

fn of_rule(rule: &EventRule, defs: &BTreeMap<String, Value>) -> Vec<Field> {
    let parts = [(Part::Properties, &rule.properties), (Part::Traits, &rule.traits)];
    let there = parts.into_iter().filter_map(|(part, schema)| Some((part, schema.as_ref()?)));
    there.flat_map(|(part, schema)| of_schema(part, schema, defs)).collect()
}

/// What must be there for this kind of source, and what schemas name. Only that is told of a member that a
/// schema does not name, so it is taken for text.
fn of_context(
    rules: &ContextRules,
    kind: SourceKind,
    defs: &BTreeMap<String, Value>,
) -> Vec<Field> {
    let of_kind = match kind {
        SourceKind::Browser => &rules.browser,
        SourceKind::Mobile => &rules.mobile,
        SourceKind::Server => &rules.server,
    };
    let of = |rule: &ContextRule| {
        let pointers = rule.required.iter().flat_map(Place::pointers);
        let mut fields: Vec<Field> = pointers.map(|pointer| text(pointer)).collect();
        fields.extend(rule.schema.iter().flat_map(|it| of_schema(Part::Context, it, defs)));
        fields
    };
    [&rules.all, of_kind].into_iter().flat_map(of).collect()
}

fn text(pointer: &str) -> Field {
    let names = pointer.split('/').skip(1).map(|it| it.replace("~1", "/").replace("~0", "~"));
    Field { part: Part::Context, path: names.collect(), kind: FieldKind::Text, description: None }
}

fn of_schema(part: Part, schema: &Value, defs: &BTreeMap<String, Value>) -> Vec<Field> {
    let mut walk = Walk { part, own: schema, defs, fields: Vec::new() };
    walk.members(schema, &mut Vec::new());
    walk.fields
}

struct Walk<'a> {
    part: Part,
    own: &'a Value,
    defs: &'a BTreeMap<String, Value>,
    fields: Vec<Field>,
}

impl Walk<'_> {
    fn members(&mut self, schema: &Value, path: &mut Vec<String>) {
        let Some(schema) = resolved(schema, self.own, self.defs) else { return };
        for (name, member, _) in named(schema, "") {
            if self.fields.len() >= MOST_FIELDS {
                return;
            }
            path.push(name.clone());
            self.member(member, path);
            path.pop();
        }
    }

    /// An object of named members is taken apart, as Segment does; anything else is a column.
    fn member(&mut self, written: &Value, path: &mut Vec<String>) {
        let schema = resolved(written, self.own, self.defs).unwrap_or(&Value::Null);
        let is_object = types(schema).iter().all(|kind| matches!(*kind, "object" | "null"));
        if is_object && named(schema, "").next().is_some() && path.len() < DEEPEST {
            return self.members(schema, path);
        }
        let described =
            [written, schema].into_iter().find_map(|it| it.get("description")?.as_str());
        self.fields.push(Field {
            part: self.part,
            path: path.clone(),
            kind: kind(schema),
            description: described.map(str::to_owned),
        });
    }
}

fn kind(schema: &Value) -> FieldKind {
    let types: Vec<_> = types(schema).into_iter().filter(|kind| *kind != "null").collect();
    let format = schema.get("format").and_then(Value::as_str);
    match (types.as_slice(), format) {
        (["boolean"], _) => FieldKind::Boolean,
        (["integer"], _) => FieldKind::Integer,
        (["number"] | ["integer", "number"], _) => FieldKind::Number,
        (["string"], Some("date-time" | "date")) => FieldKind::Time,
        _ => FieldKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r##"
plan: shop
version: 2
context:
  all:
    required: [/page/url, [/tenant/id, /tenant~1id]]
    schema: { properties: { tenant: { properties: { size: { type: integer } } } } }
  server:
    required: [/job]
$defs:
  money: { type: [number, "null"], description: In the currency of the shop }
events:
  Order Completed:
    properties:
      properties:
        orderId: { type: string, description: Number of the order }
        total: { $ref: "#/$defs/money" }
        paid: { type: boolean }
        count: { enum: [1, 2] }
        at: { type: string, format: date-time }
        products: { type: array, items: { properties: { sku: { type: string } } } }
        address: { type: object, properties: { zipCode: { type: string } } }
        either: { type: [string, integer] }
        open: { type: object }
types:
  identify:
    traits: { properties: { plan: { type: string } } }
"##;

    fn config(more: &str) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        let version = |version: u8, from: &str, kind: &str| {
            format!(
                "plan: shop\nversion: {version}\n{from}events:\n  Bought:\n    properties:\n      properties:\n        \
                 a: {{ type: {kind} }}\n        v{version}: {{ type: string }}\n"
            )
        };
        let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
        write("a.yaml", version(2, "effective_from: 2026-06-01T00:00:00Z\n", "integer"));
        write("b.yaml", version(1, "", "string"));
        let sources = "[sources.\"server/shop\"]\nkind = \"server\"\nplan = \"shop\"\n\
            [sources.\"server/bare\"]\nkind = \"server\"\n\
            [sources.\"server/test\"]\nkind = \"server\"\nenvironment = \"staging\"\n";
        write("waybill.toml", format!("[plans]\ndir = {:?}\n{sources}{more}", dir.path()));
        let file = dir.path().join("waybill.toml");
        let config = crate::config::load(&file, true, std::iter::empty()).unwrap();
        (dir, config)
    }

    #[test]
    fn sources_of_production_have_what_every_version_of_their_plan_says() {
        let (_dir, config) =
            config("[warehouse.segment_databases]\n\"server/bare\" = \"old_schema\"\n");
        let sources = sources(&config).unwrap();
        let named: Vec<_> =
            sources.iter().map(|it| (it.source.as_str(), it.database.as_deref())).collect();
        assert_eq!(named, [("server/bare", Some("old_schema")), ("server/shop", None)]);
        assert!(sources[0].planned.is_empty());
        let fields: Vec<_> = sources[1].planned.iter().flat_map(|it| shown(&it.fields)).collect();
        let expected = [
            "properties a Text",
            "properties v1 Text",
            "properties a Integer",
            "properties v2 Text",
        ];
        assert_eq!(fields, expected, "the version that holds later comes later");
    }

    #[test]
    fn without_the_layout_nothing_is_read_and_a_database_of_no_source_is_told() {
        let (_dir, off) = config("[warehouse]\nsegment_layout = false\n");
        assert!(sources(&off).unwrap().is_empty());
        let (_dir, wrong) =
            config("[warehouse.segment_databases]\n\"server/ship\" = \"old_schema\"\n");
        let error = sources(&wrong).unwrap_err().to_string();
        assert!(error.contains("segment_databases: there is no source \"server/ship\""), "{error}");
    }

    fn shown(fields: &[Field]) -> Vec<String> {
        let line = |it: &Field| format!("{} {} {:?}", it.part.column(), it.path.join("/"), it.kind);
        fields.iter().map(line).collect()
    }

    #[test]
    fn a_plan_says_which_columns_there_are_and_of_what_type() {
        let source = PlanSource::read("shop.yaml", PLAN).unwrap();
        let rule = &source.document.events["Order Completed"];
        let mut fields = of_rule(rule, &source.document.defs);
        fields.sort_by(|one, other| one.path.cmp(&other.path));
        assert_eq!(
            shown(&fields),
            [
                "properties address/zipCode Text",
                "properties at Time",
                "properties count Integer",
                "properties either Text",
                "properties open Text",
                "properties orderId Text",
                "properties paid Boolean",
                "properties products Text",
                "properties total Number",
            ]
        );
        let described: Vec<_> = fields.iter().filter_map(|it| it.description.as_deref()).collect();
        assert_eq!(described, ["Number of the order", "In the currency of the shop"]);
        let traits = of_rule(&source.document.types["identify"], &source.document.defs);
        assert_eq!(shown(&traits), ["traits plan Text"]);
    }

    #[test]
    fn context_that_a_plan_names_for_the_kind_of_source_becomes_columns() {
        let source = PlanSource::read("shop.yaml", PLAN).unwrap();
        let of = |kind| shown(&of_context(&source.document.context, kind, &BTreeMap::new()));
        let browser = [
            "context page/url Text",
            "context tenant/id Text",
            "context tenant/id Text",
            "context tenant/size Integer",
        ];
        assert_eq!(of(SourceKind::Browser), browser);
        assert_eq!(of(SourceKind::Server)[4], "context job Text");
    }

    #[test]
    fn a_schema_that_stands_within_itself_ends() {
        let defs = BTreeMap::from([(
            "tree".to_owned(),
            serde_json::json!({"properties": {"left": {"$ref": "#/$defs/tree"}, "name": {"type": "string"}}}),
        )]);
        let schema = serde_json::json!({"properties": {"tree": {"$ref": "#/$defs/tree"}}});
        let fields = of_schema(Part::Properties, &schema, &defs);
        assert_eq!(fields.len(), DEEPEST);
    }
}
